package group_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/internal/wire"
)

// What holds for every entry: it has one form, and everything else is refused. Each refused one differs in one thing from a
// good one and is signed over that.

// pair is an encoded key of a payload and its encoded value.
type pair struct{ key, value []byte }

// parts is a signed entry in pieces.
type parts struct {
	head        []byte
	protected   []byte // the map in the protected header
	unprotected []byte
	payload     []byte
	aad         []byte
	by          *cose.Signer
}

// form is a good entry and the state that takes it.
type form struct {
	*scene
	state *group.State
	good  []byte
}

func newForm(t testing.TB) *form {
	s := newScene(t)
	return &form{s, s.state(), s.forge(s.b, groupentry.Add, erin, 0, nil)}
}

func (f *form) parts() parts {
	r := wire.NewReader(f.good)
	r.Tag("tag")
	r.Array("array", 4)
	p := parts{head: []byte{0xd2, 0x84}, protected: r.Bytes("protected", 256), unprotected: []byte{0xa0}}
	r.Raw("unprotected")
	p.payload, p.aad, p.by = r.Bytes("payload", 4096), groupentry.AAD(f.id), signerOf(f, f.b)
	if r.Err() != nil {
		f.Fatal(r.Err())
	}
	return p
}

// bytes signs the pieces as they are.
func (p parts) bytes() []byte {
	toBeSigned := wire.AppendBytes(wire.AppendText([]byte{0x84}, "Signature1"), p.protected)
	toBeSigned = wire.AppendBytes(wire.AppendBytes(toBeSigned, p.aad), p.payload)
	b := append(wire.AppendBytes(slices.Clone(p.head), p.protected), p.unprotected...)
	return wire.AppendBytes(wire.AppendBytes(b, p.payload), rawSign(p.by, toBeSigned))
}

func (f *form) changed(how func(p *parts)) []byte {
	p := f.parts()
	how(&p)
	return p.bytes()
}

func (f *form) pairs() []pair {
	r := wire.NewReader(f.parts().payload)
	var all []pair
	for range r.Map("payload", 64) {
		all = append(all, pair{r.Raw("key"), r.Raw("value")})
	}
	if r.End("payload") != nil {
		f.Fatal(r.Err())
	}
	return all
}

func encodePairs(pairs []pair) []byte {
	b := wire.AppendHead(nil, wire.MajorMap, uint64(len(pairs)))
	for _, p := range pairs {
		b = append(append(b, p.key...), p.value...)
	}
	return b
}

func (f *form) refuses(name string, want fault.Code, b []byte) {
	f.Helper()
	next, err := f.state.Extend([][]byte{b}, f.logs)
	if fault.Of(err) != want || next != nil {
		f.Errorf("%s: error is %v, want %v", name, err, want)
	}
}

func TestEntriesHaveOneForm(t *testing.T) {
	f := newForm(t)
	if !bytes.Equal(f.parts().bytes(), f.good) {
		t.Fatal("the good one is written otherwise")
	}
	if next, err := f.state.Extend([][]byte{f.good}, f.logs); err != nil || next.Epoch() != f.state.Epoch()+1 {
		t.Fatal(err)
	}
	header := func(alg int64, kid []byte, typ string, more ...byte) []byte {
		b := append([]byte{wire.MajorMap | byte(3+len(more)/2)}, 1)
		b = wire.AppendBytes(append(wire.AppendInt(b, alg), 4), kid)
		return append(wire.AppendText(append(b, 16), typ), more...)
	}
	cert := f.b.Record().Cert()
	kid := cert[:]
	for name, c := range map[string]struct {
		want fault.Code
		how  func(p *parts)
	}{
		"wrong-tag":                {fault.Malformed, func(p *parts) { p.head[0] = 0xd1 }},
		"wrong-tag none":           {fault.Malformed, func(p *parts) { p.head = []byte{0x84} }},
		"header-extra protected":   {fault.Malformed, func(p *parts) { p.protected = header(-8, kid, wire.LabelGroupState, 0x18, 0x63) }},
		"header-extra unprotected": {fault.Malformed, func(p *parts) { p.unprotected = []byte{0xa1, 5, 0x41, 0} }},
		"header order": {fault.Malformed, func(p *parts) {
			p.protected = slices.Concat([]byte{0xa3, 4}, wire.AppendBytes(nil, kid), []byte{1, 0x27, 16}, wire.AppendText(nil, wire.LabelGroupState))
		}},
		"alg-other":              {fault.Malformed, func(p *parts) { p.protected = header(-7, kid, wire.LabelGroupState) }},
		"kid-other":              {fault.UntrustedSigner, func(p *parts) { p.protected = header(-8, bytes.Repeat([]byte{1}, 32), wire.LabelGroupState) }},
		"kid-short":              {fault.UntrustedSigner, func(p *parts) { p.protected = header(-8, kid[1:], wire.LabelGroupState) }},
		"typ of a newer version": {fault.UnsupportedVersion, func(p *parts) { p.protected = header(-8, kid, "sotto/v2.group-state") }},
		"ext-of-twin label":      {fault.UntrustedSigner, func(p *parts) { p.aad = wire.AppendBound(nil, wire.LabelSession, f.id[:]) }},
		"ext-of-twin group":      {fault.UntrustedSigner, func(p *parts) { p.aad = groupentry.AAD([32]byte{1}) }},
		"signature-by-other":     {fault.UntrustedSigner, func(p *parts) { p.by = signerOf(t, f.c) }},
	} {
		f.refuses(name, c.want, f.changed(c.how))
	}
	for _, twin := range []string{
		wire.LabelDevice, wire.LabelDeviceKey, wire.LabelDeviceLog, wire.LabelRegistration, wire.LabelSession, wire.LabelContent,
		wire.LabelSessionRequest, wire.LabelKEKGrant, wire.LabelGroupID, wire.LabelMembers,
	} {
		b := f.changed(func(p *parts) { p.protected = header(-8, kid, twin) })
		f.refuses("typ-of-twin "+twin, fault.Malformed, b)
		if _, err := group.Inspect(b); fault.Of(err) != fault.Malformed {
			t.Errorf("typ-of-twin %s, inspected: %v", twin, err)
		}
	}
	r := wire.NewReader(f.good)
	r.Tag("tag")
	r.Array("array", 4)
	r.Raw("protected")
	r.Raw("unprotected")
	start := r.Offset()
	r.Raw("payload")
	f.refuses("payload-detached-or-null", fault.Malformed, slices.Concat(f.good[:start], []byte{wire.Null}, f.good[r.Offset():]))
	f.refuses("trailing-byte", fault.Malformed, append(slices.Clone(f.good), 0))
}

func TestPayloadsHaveOneForm(t *testing.T) {
	f := newForm(t)
	good := f.pairs()
	refuses := func(name string, payload []byte) {
		t.Helper()
		f.refuses(name, fault.Malformed, f.changed(func(p *parts) { p.payload = payload }))
	}
	with := func(i int, key, value []byte) []byte {
		pairs := slices.Clone(good)
		pairs[i] = pair{key, value}
		return encodePairs(pairs)
	}
	swapped := slices.Clone(good)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	whole := encodePairs(good)
	refuses("non-deterministic key order", encodePairs(swapped))
	refuses("non-deterministic long map", append([]byte{0xb8, byte(len(good))}, whole[1:]...))
	refuses("map shorter than it says", append([]byte{0xae}, whole[1:]...))
	refuses("map longer than it says", append([]byte{0xac}, whole[1:]...))
	refuses("non-deterministic indefinite map", append(append([]byte{0xbf}, whole[1:]...), 0xff))
	refuses("duplicate-key", encodePairs(slices.Insert(slices.Clone(good), 1, good[0])))
	refuses("unknown-key", encodePairs(append(slices.Clone(good), pair{[]byte{14}, []byte{0}})))
	refuses("trailing-byte in the payload", append(slices.Clone(whole), 0))
	refuses("payload empty", nil)
	refuses("payload null", []byte{wire.Null})
	for i, p := range good {
		key := " " + strconv.Itoa(i+1)
		refuses("missing-key"+key, encodePairs(slices.Delete(slices.Clone(good), i, i+1)))
		refuses("another key"+key, with(i, []byte{p.key[0] + 1}, p.value))
		refuses("non-deterministic long key"+key, with(i, []byte{0x18, p.key[0]}, p.value))
		refuses("value tagged"+key, with(i, p.key, append([]byte{0xc1}, p.value...)))
		refuses("undefined"+key, with(i, p.key, []byte{0xf7}))
		if p.value[0] != wire.Null {
			refuses("null-not-allowed"+key, with(i, p.key, []byte{wire.Null}))
		}
		switch r := wire.NewReader(p.value); r.Major() {
		case wire.MajorUint:
			v := uint64(r.Int("value"))
			refuses("negative"+key, with(i, p.key, []byte{0x20}))
			refuses("float"+key, with(i, p.key, binary.BigEndian.AppendUint64([]byte{0xfb}, math.Float64bits(float64(v)))))
			refuses("long integer"+key, with(i, p.key, binary.BigEndian.AppendUint64([]byte{0x1b}, v)))
			refuses("integer of 2^53"+key, with(i, p.key, wire.AppendHead(nil, wire.MajorUint, 1<<53)))
		case wire.MajorBytes:
			content := r.Bytes("value", 64)
			refuses("one byte less"+key, with(i, p.key, wire.AppendBytes(nil, content[1:])))
			refuses("one byte more"+key, with(i, p.key, wire.AppendBytes(nil, append(slices.Clone(content), 0))))
			refuses("text instead of bytes"+key, with(i, p.key, wire.AppendText(nil, "text of some length, and no hash")))
		case wire.MajorText:
			refuses("empty name"+key, with(i, p.key, []byte{0x60}))
			refuses("control character"+key, with(i, p.key, []byte{0x61, 7}))
			refuses("long name"+key, with(i, p.key, wire.AppendText(nil, string(bytes.Repeat([]byte{'x'}, 129)))))
			refuses("not UTF-8"+key, with(i, p.key, []byte{0x61, 0xff}))
			refuses("bytes instead of text"+key, with(i, p.key, []byte{0x41, 'x'}))
		}
	}
	f.refuses("operation of a newer version", fault.UnsupportedVersion, f.changed(func(p *parts) { p.payload = with(3, []byte{4}, []byte{6}) }))
	f.refuses("over-limit", fault.OverLimit, f.changed(func(p *parts) { p.payload = append(p.payload, make([]byte, 2048)...) }))
}

// Which fields are null follows from the operation.
func TestFieldsFollowFromTheOperation(t *testing.T) {
	f := newForm(t)
	role, nonce, user, root := uint64(0), [16]byte{}, dave, [32]byte(f.people[dave].root())
	for op := groupentry.Create; op <= groupentry.Resolve; op++ {
		for name, change := range map[string]func(e *groupentry.Entry){
			"no target":   func(e *groupentry.Entry) { e.User = nil },
			"no root":     func(e *groupentry.Entry) { e.Root = nil },
			"no role":     func(e *groupentry.Entry) { e.Role = nil },
			"no nonce":    func(e *groupentry.Entry) { e.Nonce = nil },
			"target":      func(e *groupentry.Entry) { e.User = &user },
			"role":        func(e *groupentry.Entry) { e.Role = &role },
			"nonce":       func(e *groupentry.Entry) { e.Nonce = &nonce },
			"other epoch": func(e *groupentry.Entry) { e.Epoch = min(1, 1-min(e.Epoch, 1)) },
			"prev": func(e *groupentry.Entry) {
				if e.Op == groupentry.Create {
					e.Prev[0] = 1
				}
			},
		} {
			e := f.fields(f.a, uint64(op), dave, 0)
			e.Root = &root
			switch op {
			case groupentry.Create:
				owner, self := uint64(groupentry.Owner), alice
				e.Epoch, e.Prev, e.Role, e.Nonce, e.User = 0, [32]byte{}, &owner, &nonce, &self
			case groupentry.Resolve:
				e.User = nil
			}
			before := must(wire.Marshal(e))
			if _, err := groupentry.Parse(signed(t, signerOf(t, f.a), e)); err != nil {
				t.Fatalf("operation %d: %v", op, err)
			}
			change(e)
			if bytes.Equal(before, must(wire.Marshal(e))) {
				continue
			}
			if _, err := groupentry.Parse(signed(t, signerOf(t, f.a), e)); fault.Of(err) != fault.Malformed {
				t.Errorf("operation %d, %s: error is %v", op, name, err)
			}
		}
	}
}

func TestEveryFlippedByteAndEveryCutIsRefused(t *testing.T) {
	f := newForm(t)
	for i := range f.good {
		for _, bad := range [][]byte{flipped(f.good, i, 0x01), flipped(f.good, i, 0x80), f.good[:i]} {
			next, err := f.state.Extend([][]byte{bad}, f.logs)
			if err == nil || next != nil {
				t.Fatalf("byte %d: accepted", i)
			}
			faulttest.FromInput(t, err)
		}
	}
}
