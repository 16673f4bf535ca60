package device_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
)

// What is in a state belongs together: one device, its keys, what it signed.
func TestStateRefusesPartsThatDoNotFit(t *testing.T) {
	h, k := busy(t, device.Hybrid)
	good := readParts(t, state(t, k))
	me := signerOf(t, k)
	other, bobs := generate(t, alice, device.Hybrid), generate(t, bob, device.Classical)
	theirs := readParts(t, state(t, other))
	h.rotate(other, nil, start)
	foreign := privateHalves(t, other)[0]
	ofBob := mustSign(t)(bobs.Found(nil, start))
	o := signerOf(t, other)
	renewed := strangerOf(t, o.key, fields{1: alice, 2: random(16), 3: o.public(), 4: 2, 5: start.Unix()})
	own, id := h.deviceKey(me, hybridKey()), k.Record().ID()
	sameID := strangerOf(t, o.key, renewed.fields.with(2, id[:]))
	sameKey := strangerOf(t, me.key, renewed.fields.with(3, me.public()))
	recoversBob := recoverySigner(t, recoveryKey(t, 1)).entry(t,
		entry(h.entries, opRecover, newStranger(t, bob).record, nil).with(1, bob))
	newest := func(change func(*half)) func(*parts) {
		return func(p *parts) { p.halves = with(p.halves, change) }
	}
	pending := func(by signer, op int, arg []byte) func(*parts) {
		return func(p *parts) { p.pending = by.entry(t, entry(h.entries, op, arg, nil)) }
	}
	older := good.halves[1]
	for name, change := range map[string]func(*parts){
		"seed of another device":             func(p *parts) { p.seed = theirs.seed },
		"record of another device":           func(p *parts) { p.record = theirs.record },
		"record with a broken signature":     func(p *parts) { p.record = flipped(p.record, len(p.record)-1, 1) },
		"X25519 key of another half":         newest(func(h *half) { h.x25519 = older.x25519 }),
		"X-Wing seed of another half":        newest(func(h *half) { h.xwing = foreign.xwing }),
		"no X-Wing seed":                     newest(func(h *half) { h.xwing = nil }),
		"X-Wing seed of a classical key":     func(p *parts) { p.halves = []half{{older.deviceKey, older.x25519, foreign.xwing, 0}} },
		"device-key of other private halves": newest(func(h *half) { h.deviceKey = me.deviceKey(t, own) }),
		"messaging key of another device":    func(p *parts) { p.halves = append([]half{foreign}, p.halves...) },
		"device-key with a broken signature": newest(func(h *half) {
			h.deviceKey = flipped(h.deviceKey, len(h.deviceKey)-1, 1)
		}),
		"messaging keys oldest first":         func(p *parts) { p.halves = []half{p.halves[1], p.halves[0]} },
		"a messaging key twice":               func(p *parts) { p.halves = append(p.halves[:1:1], p.halves...) },
		"pending entry of another user":       func(p *parts) { p.pending = ofBob },
		"pending update of another device":    pending(o, opUpdate, renewed.record),
		"pending recovery of another user":    func(p *parts) { p.pending = recoversBob },
		"pending update to another ID":        pending(me, opUpdate, sameKey.record),
		"pending update to another key":       pending(me, opUpdate, sameID.record),
		"pending entry by another device":     pending(o, opAdd, renewed.record),
		"pending update without a record":     pending(me, opUpdate, nil),
		"pending update with broken record":   pending(me, opUpdate, []byte{0xa0}),
		"pending entry with broken signature": func(p *parts) { p.pending = flipped(p.pending, len(p.pending)-1, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			change(&p)
			k, err := device.ParseKeys(p.encode())
			if err == nil || k != nil {
				t.Error("accepted")
			}
			faulttest.FromInput(t, err)
		})
	}
}

// A state from a sealed store that holds another's update as pending must not make this device sign under that record.
func TestSettleKeepsTheDevicesOwnRecord(t *testing.T) {
	_, k := busy(t, device.Hybrid)
	w := &writer{TB: t}
	other := newStranger(t, alice)
	w.put(other.signer, opRoot, other.record, nil)
	w.put(other.signer, opUpdate, other.renewed(t, suite2).record, nil)
	p := readParts(t, state(t, k))
	p.pending = w.entries[1]
	k, err := device.ParseKeys(p.encode())
	if err != nil {
		return // refused where it is read
	}
	_, err = k.Settle(w.log())
	if !k.Record().Verifier().PublicKey().Equal(ed25519.NewKeyFromSeed(p.seed).Public()) {
		t.Errorf("the device signs under the record of another one: %v", err)
	}
}

// A log may hold a device that has this one's ID or its key, but not both: that is not this one.
func TestSettleTakesUpNoRecordOfATwin(t *testing.T) {
	k := generate(t, alice, device.Classical)
	me, id := signerOf(t, k), k.Record().ID()
	other := newStranger(t, alice)
	for name, twin := range map[string]stranger{
		"the same ID":  strangerOf(t, other.key, other.fields.with(2, id[:])),
		"the same key": strangerOf(t, me.key, other.fields.with(3, me.public())),
	} {
		t.Run(name, func(t *testing.T) {
			w := &writer{TB: t}
			w.put(twin.signer, opRoot, twin.record, nil)
			before := state(t, k)
			if changed, err := k.Settle(w.log()); err != nil || changed || !bytes.Equal(state(t, k), before) {
				t.Errorf("changed %t, %v", changed, err)
			}
		})
	}
}

// A pending entry below what is settled would make the device sign for a place a second time.
func TestStateRefusesAPendingEntryForASettledPlace(t *testing.T) {
	k, other := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
	h := found(t, k, nil)
	if _, err := h.log.Add(k, other.Record(), start); err != nil {
		t.Fatal(err)
	}
	b := state(t, k)
	if _, err := device.ParseKeys(b); err != nil {
		t.Fatal(err)
	}
	// The next place, 1, stands before the head of the pending entry, which is for place 1.
	at := bytes.LastIndex(b, k.Pending()) - 3 - 1
	if b[at] != 1 {
		t.Fatalf("next is %d", b[at])
	}
	b[at] = 2
	keys, err := device.ParseKeys(b)
	wantFault(t, err, fault.Malformed)
	if keys != nil {
		t.Error("keys beside the error")
	}
}
