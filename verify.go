package sotto

import (
	"context"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/safetynumber"
	"github.com/sottokit/sotto/trust"
)

// SafetyNumber is what two users compare to learn that nobody stands between them: the number itself, and up to which entry
// of both logs it holds. When they found it the same, by eye, by scanning, or through a SAS over Parties, each of them says
// so with MarkVerified.
type SafetyNumber struct {
	*safetynumber.Number
	contact *Contact
	me      safetynumber.Party
	peer    safetynumber.Party
	own     device.Pin
	shown   Standing
}

// Parties returns the two sides of the number, for safetynumber.StartSAS and AcceptSAS.
func (n *SafetyNumber) Parties() (me, peer safetynumber.Party) {
	if n == nil {
		return me, peer
	}
	return n.me, n.peer
}

// SafetyNumber returns the number of this user and the contact, as their logs are now. Oneself is fault.Misuse.
func (c *Contact) SafetyNumber(ctx context.Context) (*SafetyNumber, error) {
	n := &SafetyNumber{contact: c}
	err := c.look(ctx, func(v *view, u *directory.User) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		n.me, n.own = party(me.Log), me.Log.Pin()
		n.peer = party(u.Log)
		n.shown, err = v.standing(u)
		return err
	})
	if err != nil {
		return nil, err
	}
	n.Number, err = safetynumber.New(n.me, n.peer)
	return n, err
}

// MarkVerified says that the people compared a number and found it the same. If anything has happened since it was shown, to
// either log or to the contact's standing, it is fault.IdentityChanged: show the new one. It ends a block, too.
func (n *SafetyNumber) MarkVerified(ctx context.Context) error {
	if n == nil || n.contact == nil {
		return errNoContact
	}
	_, err := n.contact.decide(ctx, trust.Matched, n.shown, n.shown.Pin, &n.own)
	return err
}

// SafetyNumber returns what the members of a group compare, as their logs are now. The log of a member who is not here is
// fault.TooFarAhead.
func (g *Group) SafetyNumber(ctx context.Context) (*safetynumber.GroupNumber, error) {
	if g == nil || g.Conversation == nil {
		return nil, errNoConversation
	}
	var members []safetynumber.Party
	err := g.account.view(ctx, func(v *view) error {
		members = nil
		stored, err := v.group(g.place.group)
		if err != nil {
			return err
		}
		for _, m := range stored.State.Members() {
			l, err := v.users.Identity(v.tx, m.User, m.Root)
			if err != nil {
				return err
			}
			if l == nil {
				return unreachable(m.User, fault.TooFarAhead)
			}
			members = append(members, party(l))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return safetynumber.Group(g.place.group, members)
}

// party is a user as package safetynumber wants one.
func party(l *device.Log) safetynumber.Party {
	p := safetynumber.Party{User: l.User(), Root: l.Pin().Root}
	for _, r := range l.Active() {
		d := safetynumber.Device{ID: r.ID()}
		copy(d.Signing[:], r.Verifier().PublicKey())
		p.Devices = append(p.Devices, d)
	}
	return p
}
