package talk

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/session"
)

// Phone is a device that runs an app as it should be: it seals again what it is not sure about, acknowledges what it has
// kept, fetches what it is told to fetch, and carries requests.
type Phone struct {
	w       *World
	user    *user
	name    string
	id      device.ID
	disk    *sim.Disk
	secret  *lockbox.Secret
	offline bool
	copy    bool // of another phone
	gone    bool // it is off for ever

	// What the app remembers, and what the ledger wants to know, whatever becomes of the store. Numbers are generations.
	unsure   []*text                 // it is not known whether Seal worked
	sent     []*sent                 // messages of this phone
	got      map[[32]byte]*got       // messages and notices that were handed out, by ID
	taken    map[*form]int           // messages that left the queue of the server and were not handed out yet
	maybe    map[[32]byte]int        // what a Receive that failed may have handed out
	doubtful int                     // of such a Receive since the start, 0 for none
	acking   []sotto.Event           // Ack of these failed and may have become durable
	ackedAt  int                     // of that
	revoked  map[device.ID]int       // devices that it knows to be revoked
	retired  map[session.Prefix]bool // sessions that were open when it noticed that it was put back
	behind   bool                    // the server shows a newer messaging key than the store had when it was put back

	// What is in memory.
	account  *sotto.Account    // nil when it is off
	unacked  []sotto.Event     // handed out, and not acknowledged
	givenKey map[[32]byte]bool // device-keys that were fetched since the start
}

// String is the name of the phone.
func (p *Phone) String() string { return p.name }

// newPhone is one without an account.
func (w *World) newPhone(u *user) (*Phone, error) {
	key, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		return nil, err
	}
	w.bought++
	p := &Phone{
		w: w, user: u, name: fmt.Sprintf("%s/%d", u.name, w.bought), disk: sim.NewDisk(), secret: lockbox.Wrapped(key),
		got: map[[32]byte]*got{}, taken: map[*form]int{}, maybe: map[[32]byte]int{}, revoked: map[device.ID]int{}, retired: map[session.Prefix]bool{},
	}
	return p, nil
}

// found makes the account of a user.
func (w *World) found(u *user) error {
	p, err := w.newPhone(u)
	if err != nil {
		return err
	}
	a, err := sotto.Create(background(), p.disk, u.name, p.options(), p.secret)
	if err != nil {
		return err
	}
	return p.begin(a)
}

// begin is the first start of a phone.
func (p *Phone) begin(a *sotto.Account) error {
	p.id = a.Device()
	p.user.phones = append(p.user.phones, p)
	return p.run(a)
}

func (p *Phone) options() *sotto.Options {
	return &sotto.Options{Now: func() time.Time { return p.w.now }, Policy: p.w.policy}
}

// join buys a user another phone, which by takes into the log. Its contacts it knows from there.
func (w *World) join(by *Phone) error {
	me, err := by.account.Contact(background(), by.user.name)
	if err != nil {
		return by.refused("find itself", err, fault.UntrustedSigner)
	}
	p, err := w.newPhone(by.user)
	if err != nil {
		return err
	}
	a, err := sotto.Join(background(), p.disk, by.user.name, me.Root(), p.options(), p.secret)
	if err != nil {
		return fmt.Errorf("%s joins: %w", p, err)
	}
	record, err := a.Record(background())
	if err != nil {
		return fmt.Errorf("%s shows its record: %w", p, err)
	}
	if err := p.begin(a); err != nil {
		return err
	}
	w.Trace("%s admits %s", by, p)
	if err := by.account.Admit(background(), record); err != nil {
		return by.refused("admit "+p.name, err, w.mayRefuse(signing...)...)
	}
	return nil
}

// run turns the phone on.
func (p *Phone) run(a *sotto.Account) error {
	p.account, p.givenKey = a, map[[32]byte]bool{}
	if err := p.reread(); err != nil {
		return p.failed("reads what it had not acknowledged", err)
	}
	if err := p.recognize(); err != nil {
		return err
	}
	unsure := p.unsure
	p.unsure = nil
	for _, m := range unsure {
		if err := p.seal(m); err != nil {
			return err
		}
	}
	return nil
}

// on reports whether the phone is on.
func (p *Phone) on() bool { return p.account != nil }

// off turns the phone off as it is. What is in memory is gone.
func (p *Phone) off() {
	p.account, p.unacked, p.givenKey = nil, nil, nil
}

// Start turns the phone on if it is off.
func (p *Phone) Start() error {
	if p.on() || p.gone {
		return nil
	}
	p.w.Trace("%s starts", p)
	p.disk.Cut(sim.PowerOn)
	a, err := sotto.Unlock(background(), p.disk, p.options(), p.secret)
	if err != nil {
		return fmt.Errorf("%s starts: %w", p, err)
	}
	return p.run(a)
}

// failed takes an error of the facade: power failed, and the phone is off; anything else must not happen.
func (p *Phone) failed(what string, err error) error {
	if errors.Is(err, fault.StoreFailed) {
		p.w.Trace("power of %s fails: %s", p, what)
		p.off()
		return nil
	}
	return fmt.Errorf("%s %s: %w", p, what, err)
}

// refused takes an error that may be, because the phone was revoked for example, and traces it.
func (p *Phone) refused(what string, err error, expected ...fault.Code) error {
	for _, c := range expected {
		if errors.Is(err, c) {
			p.w.Trace("%s does not: %s: %v", p, what, err)
			return nil
		}
	}
	return p.failed(what, err)
}

// restore puts the disk back by some commits, as a phone backup does, but never to before there was an account.
func (p *Phone) restore(back int) error {
	states := p.disk.States()
	to := max(1, states-1-back)
	if to >= states-1 {
		return nil
	}
	p.w.Trace("the disk of %s is put back to %d of %d", p, to, states-1)
	p.off()
	if err := p.disk.Restore(to); err != nil {
		return err
	}
	p.w.ledger.putBack(p, to)
	if err := p.Start(); err != nil || !p.on() {
		return err
	}
	return p.compareKeys()
}

// compareKeys finds out whether the server shows a newer messaging key than the store has.
func (p *Phone) compareKeys() error {
	newest := p.w.Server.Newest(p.id)
	l := p.w.Server.Log(p.user.name)
	r, err := p.account.Report(background())
	if err != nil {
		return p.failed("reports", err)
	}
	m, err := l.AcceptKey(p.id, newest, nil)
	if err == nil && m.Seen().Gen > r.Key && !p.w.ledger.doubled[p.id] {
		p.w.Trace("the server shows messaging key %d of %s, its disk has %d", m.Seen().Gen, p, r.Key)
		p.behind = true
	}
	return nil
}

// copied is a second phone on a copy of the disk, like a virtual machine that was copied while it was off.
func (p *Phone) copied() (*Phone, error) {
	disk, err := p.disk.Copy()
	if err != nil {
		return nil, err
	}
	c := &Phone{
		w: p.w, user: p.user, name: p.name + " (copy)", id: p.id, disk: disk, secret: p.secret, copy: true,
		got: map[[32]byte]*got{}, taken: map[*form]int{}, maybe: map[[32]byte]int{}, revoked: map[device.ID]int{}, retired: map[session.Prefix]bool{},
	}
	for id, g := range p.got {
		same := *g
		c.got[id] = &same
	}
	for _, s := range p.sent {
		same := *s
		same.left = maps.Clone(s.left)
		c.sent = append(c.sent, &same)
	}
	maps.Copy(c.maybe, p.maybe)
	maps.Copy(c.taken, p.taken)
	maps.Copy(c.revoked, p.revoked)
	maps.Copy(c.retired, p.retired)
	c.acking, c.ackedAt, c.doubtful = p.acking, p.ackedAt, p.doubtful
	c.unsure = append(c.unsure, p.unsure...)
	p.user.phones = append(p.user.phones, c)
	p.w.ledger.copied(p.id)
	return c, c.Start()
}
