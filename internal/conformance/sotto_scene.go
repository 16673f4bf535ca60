package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
)

// sessionScene is the conversation that a reader expects, and the logs that he holds.
type sessionScene struct {
	Members []json.RawMessage `json:"members"`         // of sessionMember
	Group   *sessionGroup     `json:"group,omitempty"` // none between two users, or of one
	Logs    []json.RawMessage `json:"logs"`            // of sottoUserLog
}

type sessionMember struct {
	_    struct{} `cbor:",toarray"`
	User string   `json:"user"`
	Root octets   `json:"root"`
}

type sessionGroup struct {
	ID    octets  `json:"id"`
	Epoch uint64  `json:"epoch"`
	State *octets `json:"state,omitempty"`
}

// form is the conversation from the file alone: of a group what stands there, else the hash of the members.
func (c *sessionScene) form() (sessionGroup, error) {
	if c.Group != nil {
		return *c.Group, nil
	}
	members, err := c.members()
	if err != nil {
		return sessionGroup{}, err
	}
	id, err := conversationID(members)
	return sessionGroup{ID: id}, err
}

func (c *sessionScene) members() ([]sessionMember, error) {
	members := make([]sessionMember, len(c.Members))
	for i, object := range c.Members {
		if err := decode(object, &members[i]); err != nil {
			return nil, fmt.Errorf("member %d: %w", i, err)
		}
	}
	return members, nil
}

// parts are the conversation and the verified logs.
func (c *sessionScene) parts() (*session.Conversation, session.Logs, error) {
	members, err := c.members()
	if err != nil {
		return nil, nil, err
	}
	logs, err := readLogs(c.Logs)
	if err != nil {
		return nil, nil, err
	}
	var all []session.Member
	for _, m := range members {
		all = append(all, session.Member{User: m.User, Root: hashFrom(m.Root)})
	}
	if c.Group == nil {
		conversation, err := session.Direct(all...)
		return conversation, logs, err
	}
	conversation := &session.Conversation{ID: hashFrom(c.Group.ID), Epoch: c.Group.Epoch, Members: all}
	if c.Group.State != nil {
		state := hashFrom(*c.Group.State)
		conversation.State = &state
	}
	return conversation, logs, nil
}

// conversationID is H(["sotto/v1.conversation", [[user, root] …]]), the pairs in the order of their encodings.
func conversationID(members []sessionMember) ([]byte, error) {
	pairs, err := wire.Marshal(members)
	if err != nil {
		return nil, err
	}
	if len(members) == 2 {
		a, err1 := wire.Marshal(members[0])
		b, err2 := wire.Marshal(members[1])
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if string(a) > string(b) {
			pairs = append(append(wire.AppendHead(nil, wire.MajorArray, 2), b...), a...)
		}
	}
	form := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 2), wire.LabelConversation)
	return hashOf(append(form, pairs...)), nil
}

func readLogs(objects []json.RawMessage) (session.Logs, error) {
	logs := session.Logs{}
	for i, object := range objects {
		var u sottoUserLog
		if err := decode(object, &u); err != nil {
			return nil, fmt.Errorf("log %d: %w", i, err)
		}
		l, err := device.Verify(u.User, plain(u.Entries))
		if err != nil {
			return nil, err
		}
		logs[u.User] = l
	}
	return logs, nil
}

// sessionReader is a device that reads, by what it stores of itself.
type sessionReader struct {
	State octets `json:"state"`

	keys *device.Keys
}

func readReader(object []byte) (*sessionReader, error) {
	r := &sessionReader{}
	if err := decode(object, r); err != nil {
		return nil, err
	}
	var err error
	r.keys, err = device.ParseKeys(r.State)
	return r, err
}

// acceptAny accepts a device-key by the log that has its record.
func acceptAny(deviceKey []byte, logs session.Logs) (*device.MessagingKey, error) {
	var f deviceKeyForm
	if _, err := readForm(deviceKey, &f); err != nil {
		return nil, err
	}
	for _, l := range logs {
		if r, err := l.Find(device.CertID(hashFrom(f.Cert))); err == nil {
			return l.AcceptKey(r.ID(), deviceKey, nil)
		}
	}
	return nil, errors.New("device-key of a device in no log")
}

func headsOf(forms []headForm) []device.Head {
	var heads []device.Head
	for _, h := range forms {
		heads = append(heads, device.Head{User: h.User, Pin: h.pin()})
	}
	return heads
}

// withZeros puts zero bytes behind b: at most limit, the largest size that is read, so that no file makes them many.
func withZeros(b []byte, n, limit int) ([]byte, error) {
	if n < 0 || n > limit {
		return nil, fmt.Errorf("%d bytes behind it", n)
	}
	return append(b[:len(b):len(b)], make([]byte, n)...), nil
}

// orNone are the bytes of a hash, nil of none.
func orNone[T ~[32]byte](h *T) []byte {
	if h == nil {
		return nil
	}
	return (*h)[:]
}

func orNil(b []byte) *[]byte {
	if b == nil {
		return nil
	}
	return &b
}

func orNilID(b []byte) *session.ID {
	if b == nil {
		return nil
	}
	id := session.ID(hashFrom(b))
	return &id
}
