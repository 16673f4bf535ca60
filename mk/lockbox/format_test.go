package lockbox_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk/lockbox"
)

func TestEveryFlippedByteCutAndAppendixIsDamage(t *testing.T) {
	b, _ := newBox(t, password("p"), pbkdf2("p"), printed(t, 1), lockbox.Wrapped(master(t, 1)))
	raw := b.Bytes()
	for i := range raw {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(raw)
			bad[i] ^= bit
			_, err := lockbox.Parse(bad, owner)
			wantFault(t, err, fault.Damaged)
		}
		_, err := lockbox.Parse(raw[:i], owner)
		wantFault(t, err, fault.Damaged)
	}
	_, err := lockbox.Parse(append(bytes.Clone(raw), 0), owner)
	wantFault(t, err, fault.Damaged)
	_, err = lockbox.Parse(raw, []byte("Alice"))
	wantFault(t, err, fault.Damaged)
	_, err = lockbox.Parse(make([]byte, lockbox.MaxSize+1), owner)
	wantFault(t, err, fault.OverLimit)
}

func TestNewerVersionIsToldApart(t *testing.T) {
	b, _ := newBox(t, printed(t, 1))
	p := takeApart(t, b)
	p.label = "sotto/v2.lockbox"
	_, err := lockbox.Parse(p.together(t), owner)
	wantFault(t, err, fault.UnsupportedVersion)
	newer := wire.AppendText([]byte{wire.MajorArray | 3}, "sotto/v3.safe") // of another shape altogether
	_, err = lockbox.Parse(checked(append(newer, 0xa0)), owner)
	wantFault(t, err, fault.UnsupportedVersion)

	p = takeApart(t, b)
	p.body.Slots = append(p.body.Slots, p.slotOf(t, slot.Header{Kind: 5}, behind(t, 1), nil))
	_, err = lockbox.Parse(p.together(t), owner)
	wantFault(t, err, fault.UnsupportedVersion)
	p.body.Slots[1] = bytes.Replace(p.body.Slots[0], []byte("sotto/v1"), []byte("sotto/v2"), 1)
	_, err = lockbox.Parse(p.together(t), owner)
	wantFault(t, err, fault.UnsupportedVersion)
}

// Whoever stores the box can compute a check. What they change shows when it is opened.
func TestWhoHasNoRootChangesNothingUnnoticed(t *testing.T) {
	b, root := newBox(t, printed(t, 1), printed(t, 2), printed(t, 3))
	twin, _ := newBox(t, printed(t, 1), printed(t, 2))
	after, err := b.Replace(ctx, printed(t, 2), printed(t, 4))
	if err != nil {
		t.Fatal(err)
	}
	opens(t, takeApart(t, b).parse(t), printed(t, 1), root) // put together as it was
	recoverySlot := func(p *parts, b byte, size int) []byte {
		return p.slotOf(t, slot.Header{Kind: slot.Recovery}, behind(t, b), make([]byte, size))
	}
	for name, c := range map[string]struct {
		edit func(p *parts)
		want fault.Code
	}{
		"slot dropped":               {func(p *parts) { p.body.Slots = p.body.Slots[:2] }, fault.Damaged},
		"slots in another order":     {func(p *parts) { slices.Reverse(p.body.Slots) }, fault.Damaged},
		"slot twice":                 {func(p *parts) { p.body.Slots = append(p.body.Slots, p.body.Slots[0]) }, fault.Damaged},
		"slot of their own":          {func(p *parts) { p.body.Slots[2] = recoverySlot(p, 9, 32) }, fault.Damaged},
		"slot of another copy":       {func(p *parts) { p.body.Slots = append(p.body.Slots, takeApart(t, after).body.Slots[2]) }, fault.Damaged},
		"slot of another box":        {func(p *parts) { p.body.Slots[0] = takeApart(t, twin).body.Slots[0] }, fault.WrongSecret},
		"another box ID":             {func(p *parts) { p.body.ID[0] ^= 1 }, fault.WrongSecret},
		"mac altered":                {func(p *parts) { p.mac[31] ^= 1 }, fault.Damaged},
		"mac of another box":         {func(p *parts) { p.mac = takeApart(t, twin).mac }, fault.Damaged},
		"right C with wrong tag":     {func(p *parts) { s := p.body.Slots[0]; s[len(s)-1] ^= 1 }, fault.Damaged},
		"another C":                  {func(p *parts) { s := p.body.Slots[0]; s[bytes.Index(s, []byte{0x11, 0x73})+4] ^= 1 }, fault.WrongSecret},
		"right slot, root of theirs": {func(p *parts) { p.body.Slots[0] = recoverySlot(p, 1, 32) }, fault.Damaged},
		"slot with a short root":     {func(p *parts) { p.body.Slots[0] = recoverySlot(p, 1, 31) }, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			p := takeApart(t, b)
			c.edit(p)
			forged := p.parse(t)
			refuses(t, forged, printed(t, 1), c.want)
			_, err := forged.Replace(ctx, printed(t, 1), printed(t, 5))
			wantFault(t, err, c.want)
			_, err = forged.Add(ctx, root, printed(t, 5))
			wantFault(t, err, fault.WrongSecret) // the root is no longer that of the box
		})
	}
}

func TestChangedCostsAreAWrongSecret(t *testing.T) {
	b, _ := newBox(t, pbkdf2("p"), password("q"))
	p := takeApart(t, b)
	pbkdf2Params := wire.AppendInt([]byte{0x81}, lockbox.MinRounds)
	p.body.Slots[0] = bytes.Replace(p.body.Slots[0], pbkdf2Params, wire.AppendInt([]byte{0x81}, lockbox.MinRounds+1), 1)
	refuses(t, p.parse(t), pbkdf2("p"), fault.WrongSecret)
	p.body.Slots[1] = bytes.Replace(p.body.Slots[1], []byte{0x83, 1, 0x19, 0x20, 0, 1}, []byte{0x83, 2, 0x19, 0x20, 0, 1}, 1)
	refuses(t, p.parse(t), password("q"), fault.WrongSecret)
	if slots := p.parse(t).Slots(); slots[0].Rounds != lockbox.MinRounds+1 || slots[1].Params.Time != 2 {
		t.Errorf("the costs were not changed: %v", slots)
	}
}

// Costs out of bounds are refused before anything is computed: the bytes alone tell.
func TestStoredIterationsAreBounded(t *testing.T) {
	b, _ := newBox(t, printed(t, 1))
	p := takeApart(t, b)
	for rounds, want := range map[int64]fault.Code{
		lockbox.MinRounds - 1: fault.Malformed, lockbox.MaxRounds + 1: fault.OverLimit, 1 << 62: fault.OverLimit,
	} {
		p.body.Slots = [][]byte{p.slotOf(t, slot.Header{Kind: slot.PBKDF2, Costs: []int64{rounds}}, behind(t, 1), make([]byte, 32))}
		_, err := lockbox.Parse(p.together(t), owner)
		wantFault(t, err, want)
	}
}

func TestBoxHasOneForm(t *testing.T) {
	b, root := newBox(t, printed(t, 1))
	p := takeApart(t, b)
	text := wire.AppendText(nil, p.label)
	encoded := p.encodedBody(t)
	bytesOf := func(b []byte) []byte { return wire.AppendBytes(nil, b) }
	join := func(items ...[]byte) []byte {
		return checked(append([]byte{wire.MajorArray | byte(1+len(items))}, slices.Concat(items...)...))
	}
	if again := join(text, bytesOf(encoded), bytesOf(p.mac)); !bytes.Equal(again, b.Bytes()) {
		t.Fatal("this test writes another form")
	}
	long := append([]byte{0x59, 0, byte(len(encoded))}, encoded...)
	slots := p.body.Slots
	withSlots := func(slots [][]byte) []byte {
		q := *p
		q.body.Slots = slots
		return q.together(t)
	}
	idAndSlots := encoded[1+1+17:] // behind {1: box_id
	for name, c := range map[string]struct {
		raw  []byte
		want fault.Code
	}{
		"label of a twin":        {join(wire.AppendText(nil, "sotto/v1.lockbox-slot"), bytesOf(encoded), bytesOf(p.mac)), fault.Malformed},
		"label as bytes":         {join(bytesOf([]byte(p.label)), bytesOf(encoded), bytesOf(p.mac)), fault.Malformed},
		"long label":             {join(wire.AppendText(nil, string(make([]byte, 129))), bytesOf(encoded), bytesOf(p.mac)), fault.OverLimit},
		"no mac":                 {join(text, bytesOf(encoded)), fault.Malformed},
		"an element too many":    {join(text, bytesOf(encoded), bytesOf(p.mac), []byte{0}), fault.Malformed},
		"head of another array":  {checked(slices.Concat([]byte{wire.MajorArray | 5}, text, bytesOf(encoded), bytesOf(p.mac))), fault.Malformed},
		"short mac":              {join(text, bytesOf(encoded), bytesOf(p.mac[1:])), fault.Malformed},
		"long mac":               {join(text, bytesOf(encoded), bytesOf(append(p.mac, 0))), fault.OverLimit},
		"mac as text":            {join(text, bytesOf(encoded), wire.AppendText(nil, string(make([]byte, 32)))), fault.Malformed},
		"mac null":               {join(text, bytesOf(encoded), []byte{wire.Null}), fault.Malformed},
		"body not a byte string": {join(text, encoded, bytesOf(p.mac)), fault.Malformed},
		"long head":              {join(text, long, bytesOf(p.mac)), fault.Malformed},
		"a map":                  {checked([]byte{wire.MajorMap | 2}), fault.Malformed},
		"the check alone":        {checked(nil), fault.Malformed},
		"body: no ID":            {join(text, bytesOf(append([]byte{0xa1}, idAndSlots...)), bytesOf(p.mac)), fault.Malformed},
		"body: unknown key":      {join(text, bytesOf(append(append([]byte{0xa3}, encoded[1:]...), 3, 0)), bytesOf(p.mac)), fault.Malformed},
		"body: order of keys":    {join(text, bytesOf(slices.Concat([]byte{0xa2}, idAndSlots, encoded[1:19])), bytesOf(p.mac)), fault.Malformed},
		"body: trailing byte":    {join(text, bytesOf(append(bytes.Clone(encoded), 0)), bytesOf(p.mac)), fault.Malformed},
		"no slot":                {withSlots(nil), fault.Malformed},
		"17 slots":               {withSlots(slices.Repeat(slots, 17)), fault.OverLimit},
		"slot cut":               {withSlots([][]byte{slots[0][:len(slots[0])-1]}), fault.Malformed},
		"slot empty":             {withSlots([][]byte{{}}), fault.Malformed},
		"slot too long":          {withSlots([][]byte{make([]byte, slot.MaxSize+1)}), fault.OverLimit},
		"slot of a vault":        {withSlots([][]byte{bytes.Replace(slots[0], []byte(".lockbox"), []byte(".backups"), 1)}), fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lockbox.Parse(c.raw, owner)
			wantFault(t, err, c.want)
		})
	}
	// The first byte of the check as the length of a shorter one: 256 tries find such a box.
	short := func() bool {
		before := slices.Concat([]byte{wire.MajorArray | 4}, text, bytesOf(encoded), bytesOf(p.mac), []byte{0x58})
		sum := sha256.Sum256(append(wire.AppendBound(nil, "sotto/v1.lockbox-check", owner), before...))
		if sum[0] != 31 {
			return false
		}
		_, err := lockbox.Parse(append(before, sum[:]...), owner)
		wantFault(t, err, fault.Malformed)
		return true
	}
	found := false
	for n := uint16(0); n < 10_000 && !found; n++ {
		binary.BigEndian.PutUint16(p.mac, n)
		found = short()
	}
	if !found {
		t.Error("no box with a short check was found")
	}
	// 16 slots of the greatest length fit.
	greatest := p.slotOf(t, slot.Header{Kind: slot.Wrapped, Wrapped: make([]byte, slot.MaxWrapped)}, behind(t, 1), make([]byte, 100))
	p.body.Slots = slices.Repeat([][]byte{greatest}, 16)
	p.mark(t, root)
	if _, err := lockbox.Parse(p.together(t), owner); err != nil {
		t.Errorf("the greatest box: %v", err)
	}
}

// The mac is that of the specification, worked out once more: a holder of the root may write a box without this package.
func TestMacIsAsSpecified(t *testing.T) {
	b, root := newBox(t, printed(t, 1))
	p := takeApart(t, b)
	mac := p.mac
	p.mark(t, root)
	if !bytes.Equal(p.mac, mac) {
		t.Errorf("mac is %x, want %x", mac, p.mac)
	}
	p.body.Slots = append(p.body.Slots, p.slotOf(t, slot.Header{Kind: slot.Recovery}, behind(t, 2), exported(t, root)))
	p.mark(t, root)
	opens(t, p.parse(t), printed(t, 2), root)
}
