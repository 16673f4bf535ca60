package link_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/link"
)

var wantFault = faulttest.Want

const (
	alice  = "alice"
	server = "https://keys.example"
)

// start is when everything begins.
var start = time.Unix(1_800_000_000, 0)

// account is a user's log as the server has it, with a phone that has the account.
type account struct {
	testing.TB
	phone   *device.Keys
	log     *device.Log
	entries [][]byte
}

func found(t testing.TB, user string) *account {
	t.Helper()
	a := &account{TB: t, phone: generate(t, user)}
	root, err := a.phone.Found(nil, start)
	if err != nil {
		t.Fatal(err)
	}
	if a.log, err = device.Verify(user, [][]byte{root}); err != nil {
		t.Fatal(err)
	}
	a.entries = [][]byte{root}
	a.settle(a.phone)
	return a
}

func generate(t testing.TB, user string) *device.Keys {
	t.Helper()
	k, err := device.Generate(user, device.Classical, start)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *account) settle(k *device.Keys) {
	a.Helper()
	if _, err := k.Settle(a.log); err != nil || k.Pending() != nil {
		a.Fatalf("not settled: %v", err)
	}
}

// take puts an entry into the log.
func (a *account) take(by *device.Keys, entry []byte, err error) []byte {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
	if a.log, err = a.log.Extend([][]byte{entry}); err != nil {
		a.Fatal(err)
	}
	a.entries = append(a.entries, entry)
	a.settle(by)
	return entry
}

func (a *account) add(by *device.Keys, r *device.Record) []byte {
	a.Helper()
	entry, err := a.log.Add(by, r, start)
	return a.take(by, entry, err)
}

// served is the log as a new device gets it: verified from its first entry on.
func (a *account) served() *device.Log {
	a.Helper()
	l, err := device.Verify(a.log.User(), a.entries)
	if err != nil {
		a.Fatal(err)
	}
	return l
}

// run is an attempt of two devices, with everything that was sent.
type run struct {
	*account
	old     *link.Old
	new     *link.New
	qr      []byte
	code    string
	sent    [][]byte // in order; the first one is C1 with a code, M1 with a QR code
	nonce   [32]byte
	ticket  []byte
	entry   []byte
	newKeys *device.Keys // of JoinAs, nil for fresh ones
}

var choices = []link.Choice{
	{History: link.Nothing}, {History: link.Sessions}, {History: link.SessionsAndVault, Vault: []byte("https://vault.example/1")},
}

// byQR is an attempt up to Asking at the new device.
func byQR(t testing.TB) *run {
	t.Helper()
	r := &run{account: found(t, alice), nonce: [32]byte{1, 2, 3}, ticket: []byte("ticket")}
	var err error
	if r.old, err = link.Offer(r.phone.Record(), choices[1], start); err != nil {
		t.Fatal(err)
	}
	r.qr = r.old.QR()
	if r.new, err = link.Scan(r.qr, start); err != nil {
		t.Fatal(err)
	}
	r.states(link.Waiting, link.Asking)
	return r
}

const nameplate = "4711"

// byCode is the same with a code.
func byCode(t testing.TB) *run {
	t.Helper()
	r := &run{account: found(t, alice), nonce: [32]byte{1, 2, 3}, ticket: []byte("ticket")}
	var err error
	if r.old, err = link.OfferCode(nameplate, r.phone.Record(), choices[1], start); err != nil {
		t.Fatal(err)
	}
	r.code = r.old.Code()
	if r.new, err = link.Enter(r.code, start); err != nil {
		t.Fatal(err)
	}
	r.states(link.Waiting, link.Waiting)
	return r
}

func (r *run) states(old, new link.State) {
	r.Helper()
	if o, n := r.old.State(start), r.new.State(start); o != old || n != new {
		r.Errorf("states %v and %v, want %v and %v", o, n, old, new)
	}
}

// say is a message that a side makes.
func (r *run) say(m []byte, err error) []byte {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	if m != nil {
		r.sent = append(r.sent, m)
	}
	return m
}

func (r *run) toOld(m []byte) []byte {
	r.Helper()
	return r.say(r.old.Receive(m, start))
}

func (r *run) toNew(m []byte) []byte {
	r.Helper()
	return r.say(r.new.Receive(m, start))
}

// joined goes on until the new device has answered.
func (r *run) joined() []byte {
	r.Helper()
	if r.qr == nil {
		r.say(r.old.First(), nil)
		r.toNew(r.old.First())
		r.states(link.Waiting, link.Asking)
	}
	var m []byte
	if r.newKeys != nil {
		m = r.say(r.new.JoinAs(r.newKeys, start))
	} else {
		m = r.say(r.new.Join(device.Classical, start))
	}
	r.states(link.Waiting, link.Waiting)
	return m
}

// shown goes on until the new device shows digits.
func (r *run) shown() {
	r.Helper()
	m2 := r.toOld(r.joined())
	r.states(link.Asking, link.Waiting)
	r.toNew(m2)
	r.states(link.Asking, link.Showing)
}

// confirmed goes on until the new device has M3.
func (r *run) confirmed() {
	r.Helper()
	r.shown()
	r.toNew(r.say(r.old.Confirm(r.new.Digits(), r.log, start)))
	r.states(link.Waiting, link.Fetching)
}

// compared goes on until M4.
func (r *run) compared() []byte {
	r.Helper()
	r.confirmed()
	m4 := r.say(r.new.Served(r.served(), start))
	r.states(link.Waiting, link.Waiting)
	return m4
}

// candidate goes on until the old device has the record.
func (r *run) candidate() *device.Record {
	r.Helper()
	r.toOld(r.compared())
	r.states(link.Admitting, link.Waiting)
	record, _ := r.old.Candidate()
	return record
}

// admitted goes on until M5.
func (r *run) admitted() []byte {
	r.Helper()
	r.entry = r.add(r.phone, r.candidate())
	m5 := r.say(r.old.Admitted(r.log, r.entry, r.nonce, r.ticket, start))
	r.states(link.Waiting, link.Waiting)
	return m5
}

// told goes on until the new device has M5.
func (r *run) told() {
	r.Helper()
	r.toNew(r.admitted())
	r.states(link.Waiting, link.Fetching)
}

// belongs goes on until the new device registers.
func (r *run) belongs() {
	r.Helper()
	r.told()
	if m := r.say(r.new.Served(r.served(), start)); m != nil {
		r.Errorf("a message for the old device: %x", m)
	}
	r.states(link.Waiting, link.Registering)
}

// register is what the new device answers to the server.
func (r *run) register() []byte {
	r.Helper()
	b, err := r.new.Keys().Register(r.new.Log(), server, r.new.Nonce(), start)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// linked goes on until M7.
func (r *run) linked() []byte {
	r.Helper()
	r.belongs()
	m7 := r.say(r.new.Registered(r.register(), start))
	r.states(link.Waiting, link.Linked)
	return m7
}

// done goes on until both sides are done.
func (r *run) done() {
	r.Helper()
	m8 := r.toOld(r.linked())
	r.states(link.Done, link.Linked)
	r.toNew(m8)
	r.states(link.Done, link.Done)
}

// both runs a test with a QR code and with a code.
func both(t *testing.T, f func(t *testing.T, begin func(testing.TB) *run)) {
	t.Helper()
	t.Run("QR code", func(t *testing.T) { f(t, byQR) })
	t.Run("code", func(t *testing.T) { f(t, byCode) })
}
