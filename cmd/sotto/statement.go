package main

import (
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// statement is the payload of a signed object of docs/spec/device.md as it is shown to people. Nothing of it is verified.
type statement struct {
	kid    []byte           // who claims to have signed
	fields map[int64][]byte // the fields by label, encoded
}

func readStatement(b []byte) (*statement, error) {
	m, err := coseimpl.ParseSign1(b, true)
	if err != nil {
		return nil, err
	}
	s := &statement{fields: map[int64][]byte{}}
	if s.kid, err = m.Bytes(coseimpl.HeaderKID); err != nil {
		return nil, err
	}
	r := wire.NewReader(m.Unverified())
	for range r.Map("payload", wire.MaxPairs) {
		label := r.Int("label")
		s.fields[label] = r.Raw("field")
	}
	return s, r.End("payload")
}

// The readers of a field return zero for one that is not there or is something else.

func (s *statement) int(label int64) int64 {
	r := wire.NewReader(s.fields[label])
	return r.Int("field")
}

func (s *statement) text(label int64) string {
	r := wire.NewReader(s.fields[label])
	return r.Text("field", device.MaxUser)
}

func (s *statement) bytes(label int64) []byte {
	r := wire.NewReader(s.fields[label])
	return r.Bytes("field", device.MaxRecord)
}

// The fields of a log entry, a record and a device-key that are shown.
const (
	entryUser     = 1
	entrySeq      = 2
	entryOp       = 4
	entryArg      = 5
	entryIssued   = 6
	entryRecovery = 7

	recordID = 2

	keyGen    = 2
	keyIssued = 5
)

// operations are the names of what an entry does, by number. They are written nowhere.
var operations = [...]string{"root", "add", "revoke", "update", "recover", "set-recovery"}

// operation names what an entry does.
func (s *statement) operation() string {
	if op := s.int(entryOp); op >= 0 && op < int64(len(operations)) {
		return operations[op]
	}
	return "another"
}

// logUser is the user that a log says it belongs to.
func logUser(entries [][]byte) (string, error) {
	if len(entries) == 0 {
		return "", fmt.Errorf("log without entries: %w", fault.Malformed)
	}
	s, err := readStatement(entries[0])
	if err != nil {
		return "", fmt.Errorf("log entry 0: %w", err)
	}
	user := s.text(entryUser)
	if user == "" {
		return "", fmt.Errorf("log entry 0 names no user: %w", fault.Malformed)
	}
	return user, nil
}
