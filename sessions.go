package sotto

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// session returns an open session, fault.UnknownSession for one that is not.
func (v *view) session(id session.ID) (*session.Session, error) {
	if s := v.known.session(id); s != nil {
		if _, open, err := session.Statement(v.tx, id); err != nil || open {
			return s, err
		}
	}
	s, err := v.resume(id)
	if err != nil {
		return nil, err
	}
	return v.known.keep(s), nil
}

// resume makes an open session again from what is stored. A session whose logs have gone over to another branch cannot be
// made: fault.UnknownSession, too.
func (v *view) resume(id session.ID) (*session.Session, error) {
	statement, open, err := session.Statement(v.tx, id)
	if err != nil {
		return nil, err
	}
	defer clear(statement)
	if !open {
		return nil, fmt.Errorf("sotto: %w", fault.UnknownSession)
	}
	members, err := session.Members(statement)
	if err != nil {
		return nil, err
	}
	logs := session.Logs{}
	for _, m := range members {
		l, err := v.users.Identity(v.tx, m.User, m.Root)
		if err != nil {
			return nil, err
		}
		logs[m.User] = l
	}
	s, err := session.Resume(statement, logs)
	if err != nil {
		return nil, fmt.Errorf("sotto: %w (%v)", fault.UnknownSession, err)
	}
	return s, nil
}

// sealTo seals a session once more, for one device, and puts that into the outbox.
func (v *view) sealTo(s *session.Session, m *device.MessagingKey) error {
	record, ok := s.Roster().Find(m.Cert())
	if !ok || v.isOwn(record) {
		return nil
	}
	if waits, err := v.sealedTo(s.ID(), record.ID(), m.ID()); err != nil || waits {
		return err
	}
	b, err := s.SealTo(m)
	if err != nil {
		return err
	}
	id, conversation := s.ID(), s.Conversation()
	p := &parcelFields{Kind: string(ParcelEnvelope), Data: b, Conversation: &conversation, Session: &id}
	p.setTo([]device.ID{record.ID()})
	return v.putParcel(p)
}

// sealedTo reports whether an envelope of the session for that messaging key waits in the outbox already: who asks again and
// again gets one answer.
func (v *view) sealedTo(id session.ID, to device.ID, key device.KeyID) (found bool, err error) {
	err = v.each(outbox, func(p *parcelFields) error {
		if found || p.Session == nil || *p.Session != id || !slices.Contains(p.to(), to) {
			return nil
		}
		keys, err := session.Recipients(p.Data)
		found = slices.Contains(keys, key)
		return err
	})
	return found, err
}

// isOwn reports whether a record is of this device. Its ID alone does not tell: another user may have taken the same one.
func (v *view) isOwn(r *device.Record) bool {
	return r.User() == v.Account.user && r.ID() == v.Account.Device()
}
