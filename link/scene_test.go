package link_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/linking"
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
	old    *link.Old
	new    *link.New
	qr     []byte
	code   string
	sent   [][]byte          // in order; the first one is C1 with a code, M1 with a QR code
	took   map[bool][][]byte // what the old device accepted, and what the new one did
	nonce  [32]byte
	ticket []byte
	entry  []byte
	now    time.Time // by the clock of both

	newSecret []byte           // eN, or the scalar of CPace's party B
	channel   *linking.Channel // as both sides have it, once the new device has answered
}

var choices = []link.Choice{
	{History: link.Nothing}, {History: link.Sessions}, {History: link.SessionsAndVault, Vault: []byte("https://vault.example/1")},
}

// byQR is an attempt of a new account up to Asking at the new device.
func byQR(t testing.TB) *run { return found(t, alice).offerQR() }

func (a *account) offerQR() *run {
	a.Helper()
	r := a.newRun()
	var err error
	if r.old, err = link.Offer(r.phone.Record(), choices[1], start); err != nil {
		a.Fatal(err)
	}
	r.qr = r.old.QR()
	eN := ecdh.Generate()
	if r.newSecret, err = eN.ExportSecret(); err != nil {
		a.Fatal(err)
	}
	if r.new, err = link.ScanFrom(&linking.NewSeed{Key: eN}, r.qr, start); err != nil {
		a.Fatal(err)
	}
	r.states(link.Waiting, link.Asking)
	return r
}

const nameplate = "4711"

// byCode is the same with a code, up to Waiting at both devices.
func byCode(t testing.TB) *run { return found(t, alice).offerCode() }

func (a *account) offerCode() *run {
	a.Helper()
	r := a.newRun()
	var err error
	if r.old, err = link.OfferCode(nameplate, r.phone.Record(), choices[1], start); err != nil {
		a.Fatal(err)
	}
	r.code = r.old.Code()
	r.newSecret = make([]byte, cpace.Size)
	rand.Read(r.newSecret[:31]) // below 2^248
	if r.new, err = link.EnterFrom(&linking.NewSeed{Scalar: scalar(a, r.newSecret)}, r.code, start); err != nil {
		a.Fatal(err)
	}
	r.states(link.Waiting, link.Waiting)
	return r
}

func scalar(t testing.TB, b []byte) *cpace.Scalar {
	t.Helper()
	y, err := cpace.ScalarFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func (a *account) newRun() *run {
	return &run{account: a, nonce: [32]byte{1, 2, 3}, ticket: []byte("ticket"), now: start, took: map[bool][][]byte{}}
}

// again is another attempt of the same device in the same way.
func (r *run) again() *run {
	r.Helper()
	if r.qr != nil {
		return r.offerQR()
	}
	return r.offerCode()
}

// inside makes the channel of both sides from what the new device had, so that a test can say what only they can.
func (r *run) inside() *linking.Channel {
	r.Helper()
	if r.qr != nil {
		q, err1 := linking.ParseQR(r.qr)
		eN, err2 := ecdh.NewPrivateKey(r.newSecret)
		if err1 != nil || err2 != nil {
			r.Fatal(err1, err2)
		}
		th := linking.TranscriptByQR(r.qr, [32]byte(eN.Public().Bytes()))
		return r.made(linking.ByQR(q.Rendezvous, q.Passphrase[:], eN, q.Key, th))
	}
	return r.insideOf(r.code, r.old.First(), r.newSecret)
}

// insideOf is the channel of who answers C1 as the new device does.
func (r *run) insideOf(code string, first, secret []byte) *linking.Channel {
	r.Helper()
	c1, err1 := linking.ParseC1(first)
	plate, prs, err2 := linking.ParseCodeText(code)
	if err1 != nil || err2 != nil {
		r.Fatal(err1, err2)
	}
	p := cpace.Begin(scalar(r, secret), []byte(prs), linking.CI(plate), c1.Rendezvous[:])
	isk, err := p.Responder(linking.NewAD(), c1.Share[:], c1.AD)
	if err != nil {
		r.Fatal(err)
	}
	th := linking.TranscriptByCode(c1.Rendezvous, linking.CI(plate), c1.AD, c1.Share, linking.NewAD(), [32]byte(p.Share()))
	return r.made(linking.ByCode(c1.Rendezvous, isk, th))
}

func (r *run) made(c *linking.Channel, err error) *linking.Channel {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// seal is a message of either side that somebody inside makes.
func (r *run) seal(m linking.Content) []byte {
	r.Helper()
	b, err := r.channel.Seal(m)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func (r *run) states(old, new link.State) {
	r.Helper()
	if o, n := r.old.State(r.now), r.new.State(r.now); o != old || n != new {
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
	r.took[true] = append(r.took[true], m)
	return r.say(r.old.Receive(m, r.now))
}

func (r *run) toNew(m []byte) []byte {
	r.Helper()
	r.took[false] = append(r.took[false], m)
	return r.say(r.new.Receive(m, r.now))
}

// joined goes on until the new device has answered.
func (r *run) joined() []byte {
	r.Helper()
	if r.qr == nil {
		r.say(r.old.First(), nil)
		r.toNew(r.old.First())
		r.states(link.Waiting, link.Asking)
	}
	m := r.say(r.new.Join(device.Classical, r.now))
	r.channel = r.inside()
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
	r.toNew(r.say(r.old.Confirm(r.new.Digits(), r.log, r.now)))
	r.states(link.Waiting, link.Fetching)
}

// compared goes on until M4.
func (r *run) compared() []byte {
	r.Helper()
	r.confirmed()
	m4 := r.say(r.new.Served(r.served(), r.now))
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
	m5 := r.say(r.old.Admitted(r.log, r.entry, r.nonce, r.ticket, r.now))
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
	if m := r.say(r.new.Served(r.served(), r.now)); m != nil {
		r.Errorf("a message for the old device: %x", m)
	}
	r.states(link.Waiting, link.Registering)
}

// register is what the new device answers to the server.
func (r *run) register() []byte {
	r.Helper()
	b, err := r.new.Keys().Register(r.new.Log(), server, r.new.Nonce(), r.now)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// linked goes on until M7.
func (r *run) linked() []byte {
	r.Helper()
	r.belongs()
	m7 := r.say(r.new.Registered(r.register(), r.now))
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
