package sotto

import (
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/session"
)

// prepareKeys finds out whose device-keys and key requests came. They are verified where they are used: there are few.
func (b *batch) prepareKeys(ctx context.Context) error {
	for _, in := range b.of(KindKey) {
		cert, _, err := device.KeyClaim(in.data)
		if err != nil {
			in.refuse(err)
			continue
		}
		user, err := b.userOf(ctx, cert)
		if err != nil {
			return err
		}
		if user == "" {
			in.refuse(fmt.Errorf("sotto: device-key of a device of no contact: %w", fault.UntrustedSigner))
			continue
		}
		in.event.User = user
		in.ready = &receivedKey{user, cert}
	}
	for _, in := range b.of(KindRequest) {
		user, err := session.RequestUser(in.data)
		if err != nil {
			in.refuse(err)
			continue
		}
		in.event.User = user
		in.ready = &receivedRequest{}
	}
	return nil
}

// userOf returns whose record it is, "" for nobody who is known.
func (b *batch) userOf(ctx context.Context, cert device.CertID) (string, error) {
	for user, l := range b.logs { // also of a device that this batch brought in
		if l.Standing(cert) == nil {
			return user, nil
		}
	}
	var user string
	err := b.view(ctx, func(v *view) (err error) {
		user, err = directory.Owner(v.tx, cert)
		return err
	})
	return user, err
}

// receivedKey is a device-key of a user.
type receivedKey struct {
	user string
	cert device.CertID
}

func (k *receivedKey) apply(v *view, in *input) error {
	u, err := v.users.User(v.tx, k.user)
	if err != nil {
		return err
	}
	if u == nil {
		return errStale
	}
	r, err := u.Log.Find(k.cert)
	if err != nil {
		return err
	}
	in.event.Device = r.ID()
	err = v.acceptKey(u.Log, r.ID(), in.data)
	if errors.Is(err, fault.TooFarAhead) { // kept, until the log has grown
		in.event.Why = fault.TooFarAhead
		in.event.Needs = []Need{{LogOf: k.user, FromSeq: u.Log.Pin().Seq + 1}}
		return nil
	}
	return err
}

// receivedRequest is the question of a device for a session.
type receivedRequest struct{}

// apply answers: a device that is in the roster of an open session, and active, gets it sealed to the messaging key that the
// request brings, or a newer one.
func (*receivedRequest) apply(v *view, in *input) error {
	u, err := v.users.User(v.tx, in.event.User)
	if err != nil {
		return err
	}
	if u == nil {
		return fmt.Errorf("sotto: request of somebody who is no contact: %w", fault.UntrustedSigner)
	}
	r, err := session.ReadRequest(in.data, u.Log, nil)
	if errors.Is(err, fault.TooFarAhead) {
		in.event.Needs = []Need{{LogOf: in.event.User, FromSeq: u.Log.Pin().Seq + 1}}
	}
	if err != nil {
		return err
	}
	in.event.Device = r.From.ID()
	key, err := v.requestKey(u.Log, r)
	if err != nil {
		return err
	}
	switch why, err := v.blocked(u); {
	case err != nil:
		return err
	case why == fault.TooFarAhead:
		in.event.Needs = []Need{{LogOf: in.event.User, FromSeq: u.Log.Pin().Seq + 1}}
		return fmt.Errorf("sotto: request of a user whose log is not up to date: %w", why)
	case why != 0:
		return unreachable(in.event.User, why)
	}
	ids, err := session.Find(v.tx, r.Session)
	if err != nil {
		return err
	}
	answered := false
	for _, id := range ids {
		s, err := v.session(id)
		if err != nil {
			return err
		}
		if _, member := s.Roster().Find(r.From.Cert()); !member {
			continue
		}
		if state := s.State(); state != nil && v.isMember(s.Conversation(), *state, u.Name, u.Root()) != nil {
			continue
		}
		if err := v.sealTo(s, key); err != nil {
			return err
		}
		if err := v.introduce(s, r, key); err != nil {
			return err
		}
		answered, in.event.Conversation = true, s.Conversation()
	}
	if !answered {
		return fmt.Errorf("sotto: request for a session that this device cannot give: %w", fault.UnknownSession)
	}
	return nil
}

// introduce gives a device that asks for a group's session one that this device began, when this user has brought its user
// in, or it is another one of this user's: it may not know the group yet, and the session of anybody else does not make it
// known. If there is none, one is begun.
func (v *view) introduce(s *session.Session, r *session.Request, key *device.MessagingKey) error {
	if s.State() == nil {
		return nil
	}
	g, err := v.group(s.Conversation())
	if err != nil || r.User != v.Account.user && g.State.AddedBy(r.User) != v.Account.user {
		return err
	}
	open, err := session.List(v.tx, s.Conversation())
	if err != nil {
		return err
	}
	for _, of := range open {
		if of.User != v.Account.user || of.Device != v.Account.Device() {
			continue
		}
		own, err := v.session(of.ID)
		if errors.Is(err, fault.UnknownSession) {
			continue
		}
		if err != nil {
			return err
		}
		if _, member := own.Roster().Find(r.From.Cert()); member && *own.State() == g.State.Tip() {
			return v.sealTo(own, key)
		}
	}
	g.Announce, v.announce = true, true
	return v.groups.Save(v.tx, g)
}

// requestKey is the messaging key to answer to: the one in the request, or a newer one that the device has published since.
func (v *view) requestKey(l *device.Log, r *session.Request) (*device.MessagingKey, error) {
	err := v.acceptKey(l, r.From.ID(), r.Key.Bytes())
	if errors.Is(err, fault.SenderReset) {
		return r.Key, nil // the device was copied: this is the key of the one that asks
	}
	if !errors.Is(err, fault.Rollback) {
		return r.Key, err
	}
	newest, failed := directory.Key(v.tx, l, r.From.ID())
	if newest == nil && failed == nil {
		return nil, err
	}
	return newest, failed
}
