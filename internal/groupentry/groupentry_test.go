package groupentry_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/internal/wire"
)

// published are the entries of native_v2.json, and what follows from them.
func published(t testing.TB) (id []byte, entries [][]byte) {
	t.Helper()
	file, err := os.ReadFile("../conformance/testdata/vectors/native_v2.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Group struct {
			Create   string `json:"create"`
			AddBob   string `json:"add_bob"`
			BobAdmin string `json:"bob_admin"`
			ID       string `json:"group_id"`
		} `json:"group"`
	}
	if err := json.Unmarshal(file, &v); err != nil {
		t.Fatal(err)
	}
	decode := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return decode(v.Group.ID), [][]byte{decode(v.Group.Create), decode(v.Group.AddBob), decode(v.Group.BobAdmin)}
}

func TestPublishedEntries(t *testing.T) {
	id, entries := published(t)
	var members []byte
	for i, b := range entries {
		s, err := groupentry.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.Group[:], id) || s.Epoch != uint64(i) || s.Actor != "alice" {
			t.Errorf("entry %d is %+v", i, s.Entry)
		}
		again, err := wire.Marshal(&s.Entry)
		if err != nil || !bytes.Equal(again, payload(t, b)) {
			t.Errorf("entry %d is written as something else: %v", i, err)
		}
		switch i {
		case 0:
			if have := groupentry.ID(s.Actor, *s.Root, *s.Nonce); !bytes.Equal(have[:], id) {
				t.Errorf("group ID is %x", have)
			}
			members = groupentry.AppendMember(nil, *s.User, s.Root, *s.Role)
		case 1:
			members = groupentry.AppendMember(members, *s.User, s.Root, *s.Role)
		default:
			members[len(members)-1] = byte(*s.Role)
		}
		if groupentry.Digest(min(i+1, 2), members) != s.Members {
			t.Errorf("entry %d: another digest", i)
		}
	}
	if len(members) != groupentry.MemberSize("alice")+groupentry.MemberSize("bob") {
		t.Errorf("members have %d bytes", len(members))
	}
}

func payload(t testing.TB, b []byte) []byte {
	t.Helper()
	m, err := coseimpl.ParseSign1(b, true)
	if err != nil {
		t.Fatal(err)
	}
	return m.Unverified()
}

// FuzzParse takes its input as a signed entry, and once more as the payload of one. What is read is what package wire would
// write.
func FuzzParse(f *testing.F) {
	_, entries := published(f)
	for _, b := range entries {
		f.Add(b)
		f.Add(payload(f, b))
	}
	m, err := coseimpl.ParseSign1(entries[0], true)
	if err != nil {
		f.Fatal(err)
	}
	front := append([]byte{0xd2, 0x84}, wire.AppendBytes(nil, m.Raw)...)
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := wire.AppendBytes(wire.AppendBytes(append(bytes.Clone(front), 0xa0), b), make([]byte, 64))
		for _, b := range [][]byte{b, whole} {
			s, err := groupentry.Parse(b)
			faulttest.FromInput(t, err)
			if (s == nil) != (err != nil) {
				t.Fatalf("an entry beside the error, or neither: %v", err)
			}
			if err != nil {
				continue
			}
			if again, err := wire.Marshal(&s.Entry); err != nil || !bytes.Equal(again, payload(t, b)) {
				t.Errorf("read as something else: %v", err)
			}
		}
	})
}
