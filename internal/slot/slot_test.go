package slot_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/internal/wire"
)

var wantFault = faulttest.Want

// place is where the slots of these tests belong.
func place() *slot.Place {
	return &slot.Place{Type: "sotto/v1.test", KDF: "sotto/v1.test-slot", Items: [][]byte{
		wire.AppendBytes(nil, []byte("owner")), wire.AppendInt(nil, 7),
	}}
}

var (
	salt  = bytes.Repeat([]byte{1}, slot.SaltSize)
	iv    = bytes.Repeat([]byte{2}, slot.IVSize)
	s     = bytes.Repeat([]byte{3}, 32)
	other = bytes.Repeat([]byte{4}, 32)
	root  = bytes.Repeat([]byte{5}, 32)
)

// headers are one of each kind.
func headers() []slot.Header {
	return []slot.Header{
		{Kind: slot.PBKDF2, Salt: salt, Costs: []int64{slot.MinRounds}},
		{Kind: slot.Argon2id, Salt: salt, Costs: []int64{1, 8192, 1}},
		{Kind: slot.Recovery, Salt: salt},
		{Kind: slot.Wrapped, Salt: salt, Wrapped: []byte("sealed elsewhere")},
	}
}

func seal(t testing.TB, h slot.Header) []byte {
	t.Helper()
	raw, err := slot.Seal(place(), &h, s, iv, root)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func parse(t testing.TB, raw []byte) *slot.Slot {
	t.Helper()
	parsed, err := slot.Parse(raw, place().Type)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestSlotOpensWithItsSecretOnly(t *testing.T) {
	for _, h := range headers() {
		parsed := parse(t, seal(t, h))
		if parsed.Kind != h.Kind || !bytes.Equal(parsed.Salt, h.Salt) || !slices.Equal(parsed.Costs, h.Costs) ||
			!bytes.Equal(parsed.Wrapped, h.Wrapped) {
			t.Errorf("kind %d: read as %+v", h.Kind, parsed.Header)
		}
		got, err := parsed.Open(place(), s)
		if err != nil || !bytes.Equal(got, root) {
			t.Errorf("kind %d: %v", h.Kind, err)
		}
		_, err = parsed.Open(place(), other)
		wantFault(t, err, fault.WrongSecret)
	}
}

// Whatever the slot says and wherever it belongs counts in the commitment.
func TestSlotOpensWithItsHeaderAndInItsPlaceOnly(t *testing.T) {
	parsed := parse(t, seal(t, headers()[1]))
	for name, edit := range map[string]func(p *slot.Place, h *slot.Header){
		"another KDF label":   func(p *slot.Place, _ *slot.Header) { p.KDF = "sotto/v1.tests-slot" },
		"another owner":       func(p *slot.Place, _ *slot.Header) { p.Items[0] = wire.AppendBytes(nil, []byte("Owner")) },
		"another number":      func(p *slot.Place, _ *slot.Header) { p.Items[1] = wire.AppendInt(nil, 8) },
		"text for bytes":      func(p *slot.Place, _ *slot.Header) { p.Items[0] = wire.AppendText(nil, "owner") },
		"an item less":        func(p *slot.Place, _ *slot.Header) { p.Items = p.Items[:1] },
		"another kind":        func(_ *slot.Place, h *slot.Header) { h.Kind = slot.PBKDF2 },
		"other params":        func(_ *slot.Place, h *slot.Header) { h.Costs = []int64{2, 8192, 1} },
		"params that moved":   func(_ *slot.Place, h *slot.Header) { h.Costs = []int64{1, 1, 8192} },
		"another salt":        func(_ *slot.Place, h *slot.Header) { h.Salt = bytes.Repeat([]byte{9}, slot.SaltSize) },
		"params of no length": func(_ *slot.Place, h *slot.Header) { h.Costs = nil },
	} {
		p, moved := place(), *parsed
		edit(p, &moved.Header)
		_, err := moved.Open(p, s)
		if err == nil {
			t.Errorf("%s: opened", name)
		}
		wantFault(t, err, fault.WrongSecret)
	}
	// The type is not in the KDF's info: it stands in the protected header and in the AAD.
	p := place()
	p.Type = "sotto/v1.tests"
	_, err := parsed.Open(p, s)
	wantFault(t, err, fault.Damaged)
	_, err = slot.Parse(parsed.Raw, p.Type)
	wantFault(t, err, fault.Malformed)
}

func TestRightCommitmentWithWrongTagIsDamage(t *testing.T) {
	raw := seal(t, headers()[0])
	for _, at := range []int{1, len(root) + 16} { // the last byte of the tag, the first of the ciphertext
		bad := bytes.Clone(raw)
		bad[len(bad)-at] ^= 1
		_, err := parse(t, bad).Open(place(), s)
		wantFault(t, err, fault.Damaged)
		_, err = parse(t, bad).Open(place(), other)
		wantFault(t, err, fault.WrongSecret)
	}
}

func TestEveryFlippedByteAndEveryCutIsRefused(t *testing.T) {
	for _, h := range headers() {
		raw := seal(t, h)
		open := func(raw []byte) error {
			parsed, err := slot.Parse(raw, place().Type)
			if err == nil {
				_, err = parsed.Open(place(), s)
			}
			return err
		}
		for i := range raw {
			for _, bit := range []byte{1, 0x80} {
				bad := bytes.Clone(raw)
				bad[i] ^= bit
				err := open(bad)
				if err == nil {
					t.Errorf("kind %d, byte %d: opened", h.Kind, i)
				}
				faulttest.FromInput(t, err)
			}
			_, err := slot.Parse(raw[:i], place().Type)
			wantFault(t, err, fault.Malformed)
		}
		_, err := slot.Parse(append(raw, 0), place().Type)
		wantFault(t, err, fault.Malformed)
	}
}

func TestCostsAreBounded(t *testing.T) {
	for _, c := range []struct {
		kind  slot.Kind
		costs []int64
		want  fault.Code
	}{
		{slot.PBKDF2, []int64{100_000}, 0}, {slot.PBKDF2, []int64{10_000_000}, 0},
		{slot.PBKDF2, []int64{99_999}, fault.Malformed}, {slot.PBKDF2, []int64{10_000_001}, fault.OverLimit},
		{slot.PBKDF2, []int64{-1}, fault.Malformed}, {slot.PBKDF2, []int64{1<<63 - 1}, fault.OverLimit},
		{slot.PBKDF2, nil, fault.Malformed}, {slot.PBKDF2, []int64{100_000, 1}, fault.Malformed},
		{slot.Argon2id, []int64{1, 8192, 1}, 0}, {slot.Argon2id, []int64{16, 1 << 20, 16}, 0},
		{slot.Argon2id, []int64{0, 8192, 1}, fault.Malformed}, {slot.Argon2id, []int64{17, 8192, 1}, fault.OverLimit},
		{slot.Argon2id, []int64{1, 8191, 1}, fault.Malformed}, {slot.Argon2id, []int64{1, 1<<20 + 1, 1}, fault.OverLimit},
		{slot.Argon2id, []int64{1, 1<<32 + 8192, 1}, fault.OverLimit},
		{slot.Argon2id, []int64{1, 8192, 0}, fault.Malformed}, {slot.Argon2id, []int64{1, 8192, 17}, fault.OverLimit},
		{slot.Argon2id, []int64{1, 8192}, fault.Malformed}, {slot.Argon2id, []int64{1, 8192, 1, 1}, fault.Malformed},
		{slot.Recovery, []int64{1}, fault.Malformed},
	} {
		_, err := slot.Parse(seal(t, slot.Header{Kind: c.kind, Salt: salt, Costs: c.costs}), place().Type)
		if c.want == 0 && err != nil {
			t.Errorf("kind %d with %v: %v", c.kind, c.costs, err)
		}
		if c.want != 0 {
			wantFault(t, err, c.want)
		}
	}
	for n, want := range map[int]fault.Code{
		0: fault.Malformed, slot.MaxWrapped: 0, slot.MaxWrapped + 1: fault.OverLimit, slot.MaxSize: fault.OverLimit,
	} {
		_, err := slot.Parse(seal(t, slot.Header{Kind: slot.Wrapped, Salt: salt, Wrapped: make([]byte, n)}), place().Type)
		if want == 0 && err != nil {
			t.Errorf("%d wrapped bytes: %v", n, err)
		}
		if want != 0 {
			wantFault(t, err, want)
		}
	}
}

func TestUnknownKindIsANewerVersion(t *testing.T) {
	for kind, want := range map[slot.Kind]fault.Code{
		-1: fault.Malformed, 0: fault.Malformed, 5: fault.UnsupportedVersion, 1 << 40: fault.UnsupportedVersion,
	} {
		_, err := slot.Parse(seal(t, slot.Header{Kind: kind, Salt: salt}), place().Type)
		wantFault(t, err, want)
	}
}

// message builds a slot of any protected and unprotected header.
func message(unprotected []byte, protected ...coseimpl.Field) []byte {
	b := []byte{wire.MajorTag | coseimpl.TagEncrypt0, wire.MajorArray | 3}
	b = wire.AppendBytes(b, coseimpl.AppendHeader(nil, protected...))
	return wire.AppendBytes(append(b, unprotected...), make([]byte, 48))
}

func TestHeadersAreExactlyThoseOfASlot(t *testing.T) {
	fields := func(edit ...coseimpl.Field) []coseimpl.Field {
		all := []coseimpl.Field{
			coseimpl.IntField(1, 3), coseimpl.TextField(16, place().Type), coseimpl.IntField(-70001, 3),
			coseimpl.BytesField(-70002, salt), {Label: -70003, Value: []byte{0x80}}, coseimpl.BytesField(-70004, root),
		}
		for _, e := range edit {
			known := false
			for i := range all {
				if all[i].Label == e.Label {
					all[i], known = e, true
				}
			}
			if !known {
				all = append(all, e)
			}
		}
		return all
	}
	without := func(label int64) []coseimpl.Field {
		var rest []coseimpl.Field
		for _, f := range fields() {
			if f.Label != label {
				rest = append(rest, f)
			}
		}
		return rest
	}
	unprotected := func(fields ...coseimpl.Field) []byte { return coseimpl.AppendHeader(nil, fields...) }
	good := unprotected(coseimpl.BytesField(5, iv))
	if _, err := slot.Parse(message(good, fields()...), place().Type); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want fault.Code
	}{
		"another algorithm":      {message(good, fields(coseimpl.IntField(1, 24))...), fault.Malformed},
		"type of a twin":         {message(good, fields(coseimpl.TextField(16, "sotto/v1.twin"))...), fault.Malformed},
		"newer type":             {message(good, fields(coseimpl.TextField(16, "sotto/v2.test"))...), fault.UnsupportedVersion},
		"type as bytes":          {message(good, fields(coseimpl.BytesField(16, []byte(place().Type)))...), fault.Malformed},
		"kind as text":           {message(good, fields(coseimpl.TextField(-70001, "3"))...), fault.Malformed},
		"salt of 15":             {message(good, fields(coseimpl.BytesField(-70002, salt[:15]))...), fault.Malformed},
		"salt of 17":             {message(good, fields(coseimpl.BytesField(-70002, make([]byte, 17)))...), fault.Malformed},
		"salt as text":           {message(good, fields(coseimpl.TextField(-70002, string(salt)))...), fault.Malformed},
		"params null":            {message(good, fields(coseimpl.Field{Label: -70003, Value: []byte{wire.Null}})...), fault.Malformed},
		"params of another kind": {message(good, fields(coseimpl.Field{Label: -70003, Value: []byte{0x81, 0x00}})...), fault.Malformed},
		"commitment of 31":       {message(good, fields(coseimpl.BytesField(-70004, root[:31]))...), fault.Malformed},
		"commitment as text":     {message(good, fields(coseimpl.TextField(-70004, string(root)))...), fault.Malformed},
		"a field too many":       {message(good, fields(coseimpl.IntField(-70005, 0))...), fault.Malformed},
		"a key ID":               {message(good, fields(coseimpl.BytesField(4, salt))...), fault.Malformed},
		"no algorithm":           {message(good, without(1)...), fault.Malformed},
		"no type":                {message(good, without(16)...), fault.Malformed},
		"no kind":                {message(good, without(-70001)...), fault.Malformed},
		"no salt":                {message(good, without(-70002)...), fault.Malformed},
		"no params":              {message(good, without(-70003)...), fault.Malformed},
		"no commitment":          {message(good, without(-70004)...), fault.Malformed},
		"no IV":                  {message([]byte{0xa0}, fields()...), fault.Malformed},
		"IV of 11":               {message(unprotected(coseimpl.BytesField(5, iv[:11])), fields()...), fault.Malformed},
		"IV as text":             {message(unprotected(coseimpl.TextField(5, strings.Repeat("i", 12))), fields()...), fault.Malformed},
		"partial IV":             {message(unprotected(coseimpl.BytesField(6, iv)), fields()...), fault.Malformed},
		"IV and a key ID":        {message(unprotected(coseimpl.BytesField(5, iv), coseimpl.BytesField(4, salt)), fields()...), fault.Malformed},
		"IV protected":           {message([]byte{0xa0}, fields(coseimpl.BytesField(5, iv))...), fault.Malformed},
		"untagged":               {message(good, fields()...)[1:], fault.Malformed},
		"another tag":            {append([]byte{wire.MajorTag | coseimpl.TagSign1}, message(good, fields()...)[1:]...), fault.Malformed},
		"over the limit":         {make([]byte, slot.MaxSize+1), fault.OverLimit},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := slot.Parse(c.raw, place().Type)
			wantFault(t, err, c.want)
		})
	}
	// Keys in another order than the deterministic one.
	raw := message(good, fields()...)
	swapped := bytes.Replace(raw, []byte{1, 3, 16}, []byte{16}, 1)
	swapped = bytes.Replace(swapped, []byte(place().Type), append([]byte(place().Type), 1, 3), 1)
	_, err := slot.Parse(swapped, place().Type)
	if len(swapped) != len(raw) || bytes.Equal(swapped, raw) {
		t.Fatal("the keys were not swapped")
	}
	wantFault(t, err, fault.Malformed)
}

func TestSealRefusesAnotherIV(t *testing.T) {
	_, err := slot.Seal(place(), &headers()[0], s, iv[:11], root)
	wantFault(t, err, fault.Misuse)
}

// FuzzParse also opens: what opens is byte for byte what Seal writes.
func FuzzParse(f *testing.F) {
	for _, h := range headers() {
		f.Add(seal(f, h))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		parsed, err := slot.Parse(raw, place().Type)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		plaintext, err := parsed.Open(place(), s)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		m, err := coseimpl.ParseEncrypt0(raw, true)
		if err != nil {
			t.Fatal(err)
		}
		iv, err := m.Unprotected.Bytes(coseimpl.HeaderIV)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := slot.Seal(place(), &parsed.Header, s, iv, plaintext); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("opened a slot of another form: %v", err)
		}
	})
}
