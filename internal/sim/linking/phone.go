package linking

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

// Phone runs an app as it should be. What Account is not in is gone when it is off.
type Phone struct {
	w       *World
	User    string
	Disk    *Disk
	Account *sotto.Account // nil while it is off, or has none
	Ahead   time.Duration  // how far its clock is ahead
	Heard   []string       // texts of messages, in order
	Told    []sotto.Event  // notices
	secret  *lockbox.Secret
	given   map[[32]byte]bool // device-keys that were taken since it was turned on
}

func (p *Phone) now() time.Time { return p.w.Now.Add(p.Ahead) }

func (p *Phone) options() *sotto.Options { return &sotto.Options{Now: p.now} }

// Off is a crash: what is in memory is gone.
func (p *Phone) Off() { p.Account, p.given = nil, nil }

// Start turns the phone on. One whose disk has no account stays without.
func (p *Phone) Start() error {
	p.Disk.On()
	if p.Account != nil {
		return nil
	}
	_, found, err := store.Header(background(), p.Disk)
	if err != nil || !found {
		return err
	}
	p.Account, err = sotto.Unlock(background(), p.Disk, p.options(), p.secret)
	return err
}

// Flush hands over what is pending.
func (p *Phone) Flush() error {
	parcels, err := p.Account.Pending(background())
	if err != nil {
		return err
	}
	for _, parcel := range parcels {
		p.w.deliver(p, parcel)
		if err := p.Account.Delivered(background(), parcel); err != nil {
			return err
		}
	}
	return nil
}

// Sync flushes, receives everything that there is, does what time asks for, and flushes again. A phone whose power fails is
// off: that is no error.
func (p *Phone) Sync() error {
	if p.Account == nil {
		return nil
	}
	err := p.sync()
	if errors.Is(err, fault.StoreFailed) {
		p.Off()
		return nil
	}
	if err != nil {
		return fmt.Errorf("a phone of %s syncs: %w", p.User, err)
	}
	return nil
}

func (p *Phone) sync() error {
	if err := p.Flush(); err != nil {
		return err
	}
	if err := p.receive(); err != nil {
		return err
	}
	unread, err := p.Account.Unread(background())
	if err != nil {
		return err
	}
	if err := p.Account.Ack(background(), unread...); err != nil {
		return err
	}
	for _, e := range unread {
		if e.Kind == sotto.KindMessage {
			p.Heard = append(p.Heard, string(e.Body))
		} else {
			p.Told = append(p.Told, e)
		}
	}
	if err := p.Account.Upkeep(background(), true); err != nil {
		return err
	}
	return p.Flush()
}

// receive takes what the server has, and what that needs, until nothing more comes.
func (p *Phone) receive() error {
	id := p.Account.Device()
	in, err := p.fetch()
	if err != nil {
		return err
	}
	in = append(in, p.w.queues[id]...)
	events, err := p.Account.Receive(background(), in...)
	if err != nil {
		return err
	}
	if p.given == nil {
		p.given = map[[32]byte]bool{}
	}
	for i := range events {
		p.given[events[i].ID] = events[i].Why == 0
	}
	p.w.queues[id] = nil
	trusted := map[string]bool{}
	for _, e := range events {
		for _, n := range e.Needs {
			switch {
			case n.Request != nil:
				p.ask(n.Request)
			case n.LogOf != "" && n.LogOf != p.User && !trusted[n.LogOf]:
				trusted[n.LogOf] = true
				if _, err := p.Account.Trust(background(), n.LogOf, p.w.Server.Serve(n.LogOf, 0)); err != nil && fault.Of(err) == fault.StoreFailed {
					return err
				}
			}
		}
	}
	if len(trusted) == 0 {
		return nil
	}
	in, err = p.fetch()
	if err != nil {
		return err
	}
	_, err = p.Account.Receive(background(), in...)
	return err
}

// fetch are the logs that are known here, from where they are known on, and the device-keys of their devices.
func (p *Phone) fetch() (in [][]byte, err error) {
	for _, user := range p.w.users {
		held := 0
		c, err := p.Account.Contact(background(), user)
		switch {
		case err == nil:
			log, err := c.Log(background())
			if err != nil {
				return nil, err
			}
			held = len(log)
		case !errors.Is(err, fault.UntrustedSigner):
			return nil, err
		case user != p.User:
			continue
		}
		in = append(in, p.w.Server.Serve(user, uint64(held))...)
		if p.w.Server.Log(user) == nil {
			continue
		}
		for _, key := range p.w.Server.Keys(user) {
			if !p.given[sha256.Sum256(key)] {
				in = append(in, key)
			}
		}
	}
	return in, nil
}

// ask hands a request to every other phone.
func (p *Phone) ask(request []byte) {
	for _, other := range p.w.Phones {
		if other != p && other.Account != nil {
			id := other.Account.Device()
			p.w.queues[id] = append(p.w.queues[id], request)
		}
	}
}

// Say writes to a user.
func (p *Phone) Say(user, text string) error {
	c, err := p.Account.Contact(background(), user)
	if err != nil {
		return err
	}
	conversation, err := p.Account.Direct(background(), c)
	if err != nil {
		return err
	}
	_, err = conversation.Seal(background(), sotto.NewMessageID(), "text/plain", []byte(text))
	return err
}
