package talk

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/mk/lockbox"
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

	memory

	// What is gone when it is off.
	account  *sotto.Account       // nil when it is off
	unacked  []sotto.Event        // handed out, and not acknowledged
	began    int                  // the generation when the Receive began whose events are looked at, 0 for none
	givenKey map[[32]byte]bool    // device-keys that were fetched since the start
	given    map[[32]byte]bool    // and entries of groups
	wants    map[device.Hash]bool // groups that something needs
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
	name := fmt.Sprintf("%s/%d", u.name, w.bought)
	return &Phone{
		w: w, user: u, name: name, disk: sim.NewDisk(), secret: lockbox.Wrapped(key), memory: newMemory(),
	}, nil
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
	p.account, p.givenKey, p.given, p.wants = a, map[[32]byte]bool{}, map[[32]byte]bool{}, map[device.Hash]bool{}
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
	p.account, p.unacked, p.givenKey, p.given, p.wants = nil, nil, nil, nil, nil
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
func (p *Phone) copied() error {
	disk, err := p.disk.Copy()
	if err != nil {
		return err
	}
	c := &Phone{
		w: p.w, user: p.user, name: p.name + " (copy)", id: p.id, disk: disk, secret: p.secret, copy: true,
		memory: p.memory.clone(),
	}
	p.user.phones = append(p.user.phones, c)
	p.w.ledger.copied(p.id)
	return c.Start()
}
