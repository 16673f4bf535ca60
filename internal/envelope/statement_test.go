package envelope_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/wire"
)

// signedAs puts a payload into a signed object whose signature is none: ParseSigned looks at the form alone.
func signedAs(kid, payload []byte) []byte {
	protected := wire.AppendText(append(wire.AppendBytes([]byte{0xa3, 1, 0x27, 4}, kid), 16), wire.LabelSession)
	b := append(wire.AppendBytes([]byte{0xd2, 0x84}, protected), 0xa0)
	return wire.AppendBytes(wire.AppendBytes(b, payload), make([]byte, 64))
}

func statement() *envelope.Statement {
	return &envelope.Statement{
		Epoch: 3, State: &[32]byte{1}, Suite: 1, Heads: []envelope.Head{{User: "alice"}, {User: "bob"}, {User: "carol"}},
		Created: 1 << 31, MaxMessages: 100, MaxAge: 7200, Prev: &[32]byte{2},
	}
}

func TestStatementIsReadAsItWasWritten(t *testing.T) {
	secret := bytes.Repeat([]byte{9}, envelope.SecretSize)
	for name, change := range map[string]func(s *envelope.Statement){
		"as it is":       func(*envelope.Statement) {},
		"nulls":          func(s *envelope.Statement) { s.Epoch, s.State, s.Prev = 0, nil, nil },
		"least":          func(s *envelope.Statement) { s.MaxMessages, s.MaxAge, s.Created = 1, envelope.MinAge, 0 },
		"most":           func(s *envelope.Statement) { s.MaxMessages, s.MaxAge = envelope.MaxMessages, envelope.MaxAge },
		"greatest":       func(s *envelope.Statement) { s.Epoch, s.Created, s.Heads[0].Seq = 1<<53-1, 1<<53-1, 1<<53-1 },
		"suite 2":        func(s *envelope.Statement) { s.Suite = 2 },
		"one user":       func(s *envelope.Statement) { s.Heads = s.Heads[:1] },
		"as many as may": func(s *envelope.Statement) { s.Heads = manyHeads(envelope.MaxHeads) },
	} {
		t.Run(name, func(t *testing.T) {
			s := statement()
			change(s)
			payload := s.AppendPayload(make([]byte, 0, s.PayloadSize()), secret)
			if cap(payload) != s.PayloadSize() {
				t.Errorf("%d bytes had room for %d", len(payload), s.PayloadSize())
			}
			got, err := envelope.ParseSigned(signedAs(make([]byte, 32), payload))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.AppendPayload(nil, got.Secret), payload) || !bytes.Equal(got.Secret, secret) {
				t.Error("read as something else")
			}
			other, err := envelope.ParseSigned(signedAs(bytes.Repeat([]byte{1}, 32), payload))
			if err != nil || other.ID == got.ID {
				t.Errorf("two senders make one session: %v", err)
			}
		})
	}
}

// manyHeads have users with the longest names.
func manyHeads(n int) []envelope.Head {
	heads := make([]envelope.Head, n)
	for i := range heads {
		heads[i] = envelope.Head{User: fmt.Sprintf("%0128d", i), Seq: 1<<53 - 1}
	}
	return heads
}

func TestStatementThatNobodyMakesIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *envelope.Statement)
		want   fault.Code
	}{
		"suite 3":              {func(s *envelope.Statement) { s.Suite = 3 }, fault.UnsupportedVersion},
		"epoch without state":  {func(s *envelope.Statement) { s.State = nil }, fault.Malformed},
		"no message":           {func(s *envelope.Statement) { s.MaxMessages = 0 }, fault.Malformed},
		"too many messages":    {func(s *envelope.Statement) { s.MaxMessages = envelope.MaxMessages + 1 }, fault.Malformed},
		"too short":            {func(s *envelope.Statement) { s.MaxAge = envelope.MinAge - 1 }, fault.Malformed},
		"too long":             {func(s *envelope.Statement) { s.MaxAge = envelope.MaxAge + 1 }, fault.Malformed},
		"no heads":             {func(s *envelope.Statement) { s.Heads = nil }, fault.Malformed},
		"heads not in order":   {func(s *envelope.Statement) { s.Heads[0], s.Heads[1] = s.Heads[1], s.Heads[0] }, fault.Malformed},
		"a user twice":         {func(s *envelope.Statement) { s.Heads[1] = s.Heads[0] }, fault.Malformed},
		"too many heads":       {func(s *envelope.Statement) { s.Heads = manyHeads(envelope.MaxHeads + 1) }, fault.OverLimit},
		"user too long":        {func(s *envelope.Statement) { s.Heads[2].User = string(make([]byte, 129)) }, fault.OverLimit},
		"user not UTF-8":       {func(s *envelope.Statement) { s.Heads[2].User = "\xff" }, fault.Malformed},
		"seq of 2^53":          {func(s *envelope.Statement) { s.Heads[2].Seq = 1 << 53 }, fault.Malformed},
		"epoch of 2^53":        {func(s *envelope.Statement) { s.Epoch = 1 << 53 }, fault.Malformed},
		"time of 2^53":         {func(s *envelope.Statement) { s.Created = 1 << 53 }, fault.Malformed},
		"integer of 2^64 -  1": {func(s *envelope.Statement) { s.Created = 1<<64 - 1 }, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := statement()
			c.change(s)
			got, err := envelope.ParseSigned(signedAs(make([]byte, 32), s.AppendPayload(nil, make([]byte, envelope.SecretSize))))
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("a statement beside the error")
			}
		})
	}
	good := statement().AppendPayload(nil, make([]byte, envelope.SecretSize))
	prev := wire.AppendBytes([]byte{10}, statement().Prev[:])
	head := statement().Heads[2]
	three := wire.AppendBytes(wire.AppendText([]byte{0x83}, head.User), head.Root[:])
	four := append([]byte{0x84}, wire.AppendBytes(append(bytes.Clone(three[1:]), 0), head.Head[:])...)
	for name, c := range map[string]struct{ have, instead []byte }{
		"true instead of null":      {prev, []byte{10, 0xf5}},
		"undefined instead of null": {prev, []byte{10, 0xf7}},
		"float instead of null":     {prev, []byte{10, 0xf9, 0, 0}},
		"text instead of null":      {prev, []byte{10, 0x60}},
		"head of three":             {four, append(bytes.Clone(three), 0)},
		"head of five":              {four, append(append([]byte{0x85}, four[1:]...), 0)},
		"another field":             {prev, append([]byte{12}, prev[1:]...)},
		"a field too many":          {append([]byte{0xab}, good[1:35]...), append([]byte{0xac}, good[1:35]...)},
	} {
		t.Run(name, func(t *testing.T) {
			if bytes.Count(good, c.have) != 1 {
				t.Fatal("nothing to replace")
			}
			_, err := envelope.ParseSigned(signedAs(make([]byte, 32), bytes.Replace(good, c.have, c.instead, 1)))
			wantFault(t, err, fault.Malformed)
		})
	}
	for _, n := range []int{0, 31, 33} {
		_, err := envelope.ParseSigned(signedAs(make([]byte, 32), statement().AppendPayload(nil, make([]byte, n))))
		wantFault(t, err, fault.Malformed)
		_, err = envelope.ParseSigned(signedAs(make([]byte, n), statement().AppendPayload(nil, make([]byte, 32))))
		wantFault(t, err, fault.UntrustedSigner)
	}
	_, err := envelope.ParseSigned(make([]byte, envelope.MaxStatement+1))
	wantFault(t, err, fault.OverLimit)
}
