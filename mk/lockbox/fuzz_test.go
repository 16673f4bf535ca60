package lockbox_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/mk/lockbox"
)

// FuzzParse gives every input a right check, too, so that it gets past it, and opens what can be opened at once.
func FuzzParse(f *testing.F) {
	key, _ := newBox(f, printed(f, 1), lockbox.Wrapped(master(f, 1)))
	p := takeApart(f, key)
	f.Add(key.Bytes()[:len(key.Bytes())-34])
	p.label = "sotto/v2.lockbox"
	f.Add(p.together(f)[:100])
	p = takeApart(f, key)
	for _, h := range []slot.Header{
		{Kind: slot.PBKDF2, Costs: []int64{lockbox.MinRounds}}, {Kind: slot.Argon2id, Costs: []int64{1, 8192, 1}}, {Kind: 5},
	} {
		p.body.Slots = [][]byte{p.slotOf(f, h, behind(f, 1), make([]byte, 32))}
		raw := p.together(f)
		f.Add(raw[:len(raw)-34])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		_, err := lockbox.Parse(in, owner)
		faulttest.FromInput(t, err)
		raw := checked(bytes.Clone(in))
		b, err := lockbox.Parse(raw, owner)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		if !bytes.Equal(b.Bytes(), raw) || len(b.Slots()) == 0 {
			t.Error("a box is not what was parsed, or has no slot")
		}
		for _, s := range []*lockbox.Secret{printed(t, 1), lockbox.Wrapped(master(t, 1))} {
			_, err := b.Open(ctx, s)
			faulttest.FromInput(t, err)
		}
	})
}
