package linking

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"

	form "github.com/sottokit/sotto/internal/linking"
)

const (
	day  = 24 * time.Hour
	life = link.Life
)

// State is how far a side is, as it says.
func (a *Attempt) State(s Side) link.State {
	if s == OldSide {
		return a.offer.State()
	}
	return a.joining.State(a.new.now())
}

// cancel is what a person does to whom it takes too long.
func (a *Attempt) cancel(s Side) error {
	if s == NewSide {
		a.joining.Cancel()
		return nil
	}
	if a.offer == nil || a.old.Account == nil {
		return nil
	}
	return a.offer.Cancel(background())
}

// Complete holds that an attempt in which nothing stood in the way came to its end on both sides.
func (a *Attempt) Complete() error {
	if o, n := a.State(OldSide), a.State(NewSide); o != link.Done || n != link.Done || len(a.Refusals) > 0 {
		return fmt.Errorf("old %v, new %v: %v", o, n, a.Refusals)
	}
	return nil
}

// Over holds that nothing of an attempt goes on at a side.
func (a *Attempt) Over(s Side) error {
	switch state := a.State(s); state {
	case link.Aborted, link.Linked, link.Done:
		return nil
	default:
		return fmt.Errorf("side %d is %v, though it is too late", s, state)
	}
}

// Check holds what must be in the end: who is in a log has its keys, nothing waits, nothing has forked, and no duty is left.
func (w *World) Check() error {
	for _, user := range w.users {
		if lost := w.Lost(user); len(lost) > 0 {
			return fmt.Errorf("%d active devices of %s whose keys nobody has", len(lost), user)
		}
	}
	for _, p := range w.Phones {
		if err := p.checkQuiet(); err != nil {
			return fmt.Errorf("phone of %s: %w", p.User, err)
		}
	}
	return nil
}

// ID names a device.
type ID = device.ID

// Lost are the active devices of a user whose keys nobody has.
func (w *World) Lost(user string) []ID {
	active := w.Active(user)
	for _, p := range w.Phones {
		if p.User == user && p.Account != nil {
			delete(active, p.Account.Device())
		}
	}
	return slices.Collect(maps.Keys(active))
}

// In reports whether a phone is an active device.
func (p *Phone) In() bool { return p.Account != nil && p.w.Active(p.User)[p.Account.Device()] }

func (p *Phone) checkQuiet() error {
	if p.Account == nil {
		return nil
	}
	r, err := p.Account.Report(background())
	if err != nil {
		return err
	}
	if r.Pending || r.Forked || r.Active != p.In() {
		return fmt.Errorf("pending %v, forked %v, active %v, in the log %v", r.Pending, r.Forked, r.Active, p.In())
	}
	parcels, err := p.Account.Pending(background())
	if err != nil || len(parcels) > 0 {
		return fmt.Errorf("%d parcels wait: %w", len(parcels), err)
	}
	if !p.In() {
		return nil
	}
	for _, user := range p.w.users {
		c, err := p.Account.Contact(background(), user)
		if err != nil && user != p.User { // nothing was handed over
			continue
		}
		if err != nil {
			return err
		}
		log, err := c.Log(background())
		if err != nil || !slices.EqualFunc(log, p.w.Server.Serve(user, 0), bytes.Equal) {
			return fmt.Errorf("another log of %s than the server's: %w", user, err)
		}
	}
	n, err := p.duties()
	if err != nil || n > 0 {
		return fmt.Errorf("%d duties are left: %w", n, err)
	}
	return nil
}

// duties counts what the phone still has to do about devices. Nothing that an app sees tells, so this reads the store as the
// facade does.
func (p *Phone) duties() (n uint64, err error) {
	header, _, err := store.Header(background(), p.Disk)
	if err != nil {
		return 0, err
	}
	box, err := lockbox.Parse(header, []byte("sotto account"))
	if err != nil {
		return 0, err
	}
	root, err := box.Open(background(), p.secret)
	if err != nil {
		return 0, err
	}
	defer root.Destroy()
	db, err := store.Open(background(), p.Disk, root, store.Schema{Version: 1})
	if err != nil {
		return 0, err
	}
	defer db.Destroy()
	err = db.View(background(), func(tx *store.Tx) error {
		n, err = queue.Queue{Room: "device/duty"}.Count(tx)
		return err
	})
	return n, err
}

// Talk lets every active device write to the other user, and holds that all active devices of both users hear it.
func (w *World) Talk() error {
	said := map[string]*Phone{}
	for _, p := range w.Phones {
		for _, user := range w.users {
			if user == p.User || !p.In() {
				continue
			}
			w.said++
			text := fmt.Sprintf("text %d of %s", w.said, p.User)
			said[text] = p
			if err := p.Meet(user); err != nil {
				return err
			}
			if err := p.Say(user, text); err != nil {
				return fmt.Errorf("%s writes to %s: %w", p.User, user, err)
			}
		}
	}
	for _, p := range w.Phones {
		if p.Account == nil {
			continue
		}
		if err := p.Flush(); err != nil {
			return err
		}
	}
	if err := w.Rounds(1); err != nil {
		return err
	}
	for text, from := range said {
		for _, p := range w.Phones {
			if p != from && p.In() && !slices.Contains(p.Heard, text) {
				return fmt.Errorf("a phone of %s did not get %q", p.User, text)
			}
		}
	}
	return nil
}

// Knows reports whether a user is a contact.
func (p *Phone) Knows(user string) bool {
	_, err := p.Account.Contact(background(), user)
	return err == nil
}

// Meet makes a contact of a user who is none yet.
func (p *Phone) Meet(user string) error {
	_, err := p.Account.Contact(background(), user)
	if !errors.Is(err, fault.UntrustedSigner) {
		return err
	}
	if _, err := p.Account.Trust(background(), user, p.w.Server.Serve(user, 0)); err != nil {
		return err
	}
	return p.Sync()
}

// ToldOf reports whether the user of a phone was told of a kind of thing about an own device.
func (p *Phone) ToldOf(k sotto.Kind, id device.ID) bool {
	return slices.ContainsFunc(p.Told, func(e sotto.Event) bool { return e.Kind == k && e.User == p.User && e.Device == id })
}

// CheckOpen holds that nothing which was sent before the digits were typed has a secret in it, nor anything of the account
// but what stands on the screen.
func (a *Attempt) CheckOpen() error {
	log := a.w.Server.Log(a.old.User)
	root, head := log.Pin().Root, log.Pin().Head
	secrets := map[string][]byte{"digits": []byte(a.digits), "root": root[:], "head": head[:]}
	if q, err := form.ParseQR(a.shown[0]); err == nil {
		secrets["passphrase"] = q.Passphrase[:]
	} else if _, secret, err := form.ParseCodeText(string(a.shown[1])); err == nil {
		secrets["secret of the code"] = []byte(secret)
	}
	if a.Hello != nil {
		secrets["ID of the new device"] = a.ID[:]
	}
	for i, m := range a.open {
		for what, b := range secrets {
			if len(b) > 0 && bytes.Contains(m, b) {
				return fmt.Errorf("message %d has the %s in it", i, what)
			}
		}
	}
	return nil
}
