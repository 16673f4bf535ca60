package linking_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
)

func text(n int) *[]byte {
	b := bytes.Repeat([]byte{7}, n)
	return &b
}

// sealedKind is a kind of sealed messages: a good one, where it stands, an empty one to read into, and which keys may be null.
type sealedKind struct {
	name     string
	good     linking.Content
	to       linking.Direction
	seq      byte
	empty    func() linking.Content
	nullable []byte
}

var sealedKinds = []sealedKind{
	{"M2", &linking.M2{Tag: [32]byte{1}}, linking.ToNew, 0, func() linking.Content { return &linking.M2{} }, nil},
	{"M2 with an opening", &linking.M2{Tag: [32]byte{1}, Opening: &[32]byte{2}}, linking.ToNew, 0,
		func() linking.Content { return &linking.M2{} }, nil},
	{"M3", &linking.M3{User: "alice", Root: [32]byte{1}, Seq: 3, Head: [32]byte{2}}, linking.ToNew, 1,
		func() linking.Content { return &linking.M3{} }, nil},
	{"M4", &linking.M4{Record: []byte("record"), DeviceKey: []byte("key")}, linking.ToOld, 0, func() linking.Content { return &linking.M4{} }, nil},
	{"M5", &linking.M5{Entry: []byte("entry"), Ticket: text(3)}, linking.ToNew, 2, func() linking.Content { return &linking.M5{} }, []byte{3}},
	{"M7", &linking.M7{Registration: [32]byte{1}}, linking.ToOld, 1, func() linking.Content { return &linking.M7{} }, nil},
	{"M8", &linking.M8{History: linking.SessionsAndVault, Vault: text(3)}, linking.ToNew, 3,
		func() linking.Content { return &linking.M8{} }, nil},
	{"M8 without a vault", &linking.M8{History: linking.Nothing}, linking.ToNew, 3, func() linking.Content { return &linking.M8{} }, []byte{2}},
}

func TestMessageIsReadAsItWasWritten(t *testing.T) {
	old, young := channels(t)
	for _, k := range sealedKinds {
		sealed, err := old.Seal(k.good)
		if err != nil {
			t.Fatal(err)
		}
		m := k.empty()
		if err := young.Open(sealed, m); err != nil {
			t.Fatal(err)
		}
		content, err := wire.Marshal(k.good)
		if again, err2 := wire.Marshal(m); err != nil || err2 != nil || !bytes.Equal(again, content) {
			t.Errorf("%s: %x, want %x", k.name, again, content)
		}
		if at, err := old.SealAt(k.to, k.seq, content); err != nil || !bytes.Equal(at, sealed) {
			t.Errorf("%s stands elsewhere: %v", k.name, err)
		}
	}
}

func TestContentHasOneForm(t *testing.T) {
	old, young := channels(t)
	for _, k := range sealedKinds {
		t.Run(k.name, func(t *testing.T) {
			content, err := wire.Marshal(k.good)
			if err != nil {
				t.Fatal(err)
			}
			all := broken(t, content, k.nullable...)
			if k.name == "M2 with an opening" {
				delete(all, "without 2") // which is M2
			}
			refusesAll(t, all, func(b []byte) error {
				sealed, err := old.SealAt(k.to, k.seq, b)
				if err != nil {
					t.Fatal(err)
				}
				return young.Open(sealed, k.empty())
			})
		})
	}
}

func TestContentIsWithinItsLimits(t *testing.T) {
	old, young := channels(t)
	for _, c := range []struct {
		name       string
		good, into linking.Content
		want       fault.Code // 0 for none
	}{
		{"M3 without a user", &linking.M3{}, &linking.M3{}, fault.Malformed},
		{"M3 with a control character", &linking.M3{User: "a\x00"}, &linking.M3{}, fault.Malformed},
		{"M3 with a long user", &linking.M3{User: strings.Repeat("a", 129)}, &linking.M3{}, fault.Malformed},
		{"M3 at 2^53", &linking.M3{User: "a", Seq: 1 << 53}, &linking.M3{}, fault.Malformed},
		{"M3 below it", &linking.M3{User: "a", Seq: 1<<53 - 1}, &linking.M3{}, 0},
		{"M5 without a ticket", &linking.M5{}, &linking.M5{}, 0},
		{"M5 with an empty ticket", &linking.M5{Ticket: text(0)}, &linking.M5{}, fault.Malformed},
		{"M5 with a ticket", &linking.M5{Ticket: text(linking.MaxTicket)}, &linking.M5{}, 0},
		{"M5 with a longer one", &linking.M5{Ticket: text(linking.MaxTicket + 1)}, &linking.M5{}, fault.Malformed},
		{"M8 of history 0", &linking.M8{}, &linking.M8{}, fault.Malformed},
		{"M8 of history 4", &linking.M8{History: 4}, &linking.M8{}, fault.UnsupportedVersion},
		{"M8 of history 2^53", &linking.M8{History: 1 << 53}, &linking.M8{}, fault.Malformed},
		{"M8 of history 1 with a vault", &linking.M8{History: 1, Vault: text(1)}, &linking.M8{}, fault.Malformed},
		{"M8 of history 2 with a vault", &linking.M8{History: 2, Vault: text(1)}, &linking.M8{}, fault.Malformed},
		{"M8 of history 3 without one", &linking.M8{History: 3}, &linking.M8{}, fault.Malformed},
		{"M8 of history 3 with an empty one", &linking.M8{History: 3, Vault: text(0)}, &linking.M8{}, fault.Malformed},
		{"M8 of history 3", &linking.M8{History: 3, Vault: text(linking.MaxVault)}, &linking.M8{}, 0},
		{"M8 with a longer one", &linking.M8{History: 3, Vault: text(linking.MaxVault + 1)}, &linking.M8{}, fault.Malformed},
		{"M4 of more than a message", &linking.M4{Record: *text(linking.MaxMessage)}, &linking.M4{}, fault.OverLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			sealed, err := old.Seal(c.good)
			if err != nil {
				t.Fatal(err)
			}
			err = young.Open(sealed, c.into)
			if c.want == 0 && err != nil || c.want != 0 && fault.Of(err) != c.want {
				t.Errorf("error is %v, want %d", err, c.want)
			}
		})
	}
}

func TestM1HasOneForm(t *testing.T) {
	good := encoded(t, &linking.M1{Key: [32]byte{1}, Tag: [32]byte{2}})
	read := func(b []byte) error {
		_, err := linking.ParseM1(b)
		return err
	}
	if err := read(good); err != nil {
		t.Fatal(err)
	}
	refusesAll(t, broken(t, good), read)
	wantFault(t, read(make([]byte, linking.MaxMessage+1)), fault.OverLimit)
}

func FuzzM1(f *testing.F) {
	b, _ := (&linking.M1{}).Marshal()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := linking.ParseM1(b)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		if again, err := m.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read, and not written", b)
		}
	})
}

// FuzzContent reads what the other device sealed, whatever it is.
func FuzzContent(f *testing.F) {
	for i, k := range sealedKinds {
		b, _ := wire.Marshal(k.good)
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, kind uint8, content []byte) {
		k := sealedKinds[int(kind)%len(sealedKinds)]
		old, young := channels(t)
		sealed, err := old.SealAt(k.to, k.seq, content)
		if err != nil {
			t.Fatal(err)
		}
		m := k.empty()
		err = young.Open(sealed, m)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		if again, err := wire.Marshal(m); err != nil || !bytes.Equal(again, content) {
			t.Errorf("%s: %x is read, and not written", k.name, content)
		}
	})
}
