package device_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// registering is an honest device with everything that it registers.
func registering(t testing.TB, suite device.Suite) (*history, *device.Keys) {
	t.Helper()
	founder, k := generate(t, alice, device.Classical), generate(t, alice, suite)
	h := found(t, founder, nil)
	h.add(founder, k)
	h.rotate(k, nil, start)
	return h, k
}

func (h *history) register(k *device.Keys, c *device.Challenge) []byte {
	h.Helper()
	return mustSign(h)(k.Register(h.log, c.Server, c.Nonce, start))
}

func TestRegistration(t *testing.T) {
	for _, suite := range []device.Suite{device.Classical, device.Hybrid} {
		h, k := registering(t, suite)
		for _, age := range []time.Duration{0, time.Minute, device.ChallengeLife} {
			c := h.challenge()
			r, err := c.Check(h.register(k, c), h.log, start.Add(age))
			if err != nil {
				t.Fatal(err)
			}
			if r.Record.Cert() != k.Record().Cert() || r.Key.Cert() != k.Record().Cert() || r.Key.ID() != k.KeyIDs()[0] {
				t.Error("something else was registered")
			}
		}
	}
}

func TestUpdatedDeviceRegistersUnderTheEntryOfTheUpdate(t *testing.T) {
	h, k := registering(t, device.Classical)
	h.update(k, device.Hybrid)
	h.rotate(k, nil, start)
	c := h.challenge()
	r, err := c.Check(h.register(k, c), h.log, start)
	if err != nil || r.Record.Suite() != device.Hybrid {
		t.Fatal(err)
	}
}

func TestChallengeIsGoodForOneAnswer(t *testing.T) {
	h, k := registering(t, device.Classical)
	c := h.challenge()
	answer := h.register(k, c)
	if _, err := c.Check(answer, h.log, start); err != nil {
		t.Fatal(err)
	}
	t.Run("nonce-reused", func(t *testing.T) {
		r, err := c.Check(answer, h.log, start)
		wantFault(t, err, fault.Replayed)
		if r != nil {
			t.Error("a device beside the error")
		}
	})
	// A wrong answer uses it up, too.
	c = h.challenge()
	answer = h.register(k, c)
	_, err := c.Check(flipped(answer, len(answer)-1, 1), h.log, start)
	wantFault(t, err, fault.UntrustedSigner)
	_, err = c.Check(answer, h.log, start)
	wantFault(t, err, fault.Replayed)
	// But not a question that nobody answered.
	c = h.challenge()
	_, err = c.Check(h.register(k, c), nil, start)
	wantFault(t, err, fault.Misuse)
	if _, err := c.Check(h.register(k, c), h.log, start); err != nil {
		t.Error(err)
	}
}

func TestRegistrationIsRefused(t *testing.T) {
	h, k := registering(t, device.Classical)
	me := signerOf(t, k)
	s := stranger{signer: me, record: k.Record().Bytes()}
	bobs := generate(t, bob, device.Classical)
	b := found(t, bobs, nil)
	b.rotate(bobs, nil, start)
	late := generate(t, alice, device.Classical)
	outside := newStranger(t, alice)
	founder, entry0 := h.log.Active()[0], sum(h.entries[0])
	honest := func(c *device.Challenge) []byte { return h.register(k, c) }
	reasons := map[string]string{}
	for _, c := range []struct {
		name   string
		want   fault.Code
		answer func(c *device.Challenge) []byte
		age    time.Duration
		log    *device.Log
	}{
		{name: "nonce-expired", want: fault.Expired, age: device.ChallengeLife + time.Second, answer: honest},
		{name: "nonce-expired, clock back", want: fault.Expired, age: -time.Second, answer: honest},
		{name: "nonce-of-other-user", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return b.register(bobs, c)
		}},
		{name: "nonce-other", want: fault.UntrustedSigner, answer: func(*device.Challenge) []byte {
			return h.register(k, h.challenge())
		}},
		{name: "server-id-other", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return mustSign(t)(k.Register(h.log, "https://other.example", c.Nonce, start))
		}},
		{name: "server-id-other inside", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return me.registration(t, c.Server, c.Nonce[:], h.answer(s, c).with(3, "https://other.example"))
		}},
		{name: "nonce-other inside", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return me.registration(t, c.Server, c.Nonce[:], h.answer(s, c).with(2, random(32)))
		}},
		{name: "entry-does-not-admit-record", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return me.registration(t, c.Server, c.Nonce[:], h.answer(s, c).with(5, entry0[:]))
		}},
		{name: "entry-does-not-admit-record, unknown", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return me.registration(t, c.Server, c.Nonce[:], h.answer(s, c).with(5, random(32)))
		}},
		{name: "device-not-in-the-log", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return outside.registration(t, c.Server, c.Nonce[:], h.answer(outside, c))
		}},
		{name: "signed-by-other-device", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return outside.registration(t, c.Server, c.Nonce[:], h.answer(s, c))
		}},
		{name: "record-of-other", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			return me.registration(t, c.Server, c.Nonce[:], h.answer(s, c).with(1, founder.Bytes()))
		}},
		{name: "device-key-of-other", want: fault.UntrustedSigner, answer: func(c *device.Challenge) []byte {
			h.add(k, late)
			return me.registration(t, c.Server, c.Nonce[:], h.answer(s, c).with(6, h.rotate(late, nil, start)))
		}},
		{name: "device-key ahead of the log", want: fault.TooFarAhead, log: at(t, h.log, 1), answer: func(c *device.Challenge) []byte {
			return me.registration(t, c.Server, c.Nonce[:], h.answer(s, c)) // whose key names the entry that came since
		}},
		{name: "log without the device", want: fault.UntrustedSigner, log: at(t, h.log, 0), answer: honest},
		{name: "log of another user", want: fault.Misuse, log: b.log, answer: honest},
	} {
		t.Run(c.name, func(t *testing.T) {
			question := h.challenge()
			answer := c.answer(question)
			l := h.log
			if c.log != nil {
				l = c.log
			}
			r, err := question.Check(answer, l, start.Add(c.age))
			wantFault(t, err, c.want)
			if r != nil {
				t.Fatal("a device beside the error")
			}
			reasons[c.name] = err.Error()
		})
	}
	for _, pair := range [][2]string{
		{"nonce-of-other-user", "server-id-other inside"}, {"entry-does-not-admit-record", "device-not-in-the-log"},
		{"device-key-of-other", "entry-does-not-admit-record"}, {"nonce-other", "nonce-other inside"},
		{"device-key-of-other", "device-not-in-the-log"}, {"signed-by-other-device", "nonce-of-other-user"},
	} {
		if reasons[pair[0]] == reasons[pair[1]] {
			t.Errorf("%s and %s share a reason: %s", pair[0], pair[1], reasons[pair[0]])
		}
	}
}

func TestRevokedAndReplacedRecordsDoNotRegister(t *testing.T) {
	sc := newScene(t)
	h := &history{t, sc.log(), sc.entries}
	for name, c := range map[string]struct {
		s    stranger
		want fault.Code
	}{
		"device-not-active":          {sc.phone, fault.RevokedDevice},
		"record before a revoke":     {sc.phoneOld, fault.RevokedDevice},
		"record before an update":    {sc.laptopOld, fault.UntrustedSigner},
		"a device that is not there": {newStranger(t, alice), fault.UntrustedSigner},
	} {
		t.Run(name, func(t *testing.T) {
			q := h.challenge()
			_, err := q.Check(c.s.registration(t, q.Server, q.Nonce[:], h.answer(c.s, q)), h.log, start)
			wantFault(t, err, c.want)
		})
	}
}

func TestRegisterNeedsTheDeviceInTheLogAndAKey(t *testing.T) {
	h, k := registering(t, device.Classical)
	fresh := generate(t, alice, device.Classical)
	_, err := fresh.Register(h.log, server, [32]byte{}, start)
	wantFault(t, err, fault.Misuse)
	h.rotate(fresh, nil, start)
	_, err = fresh.Register(h.log, server, [32]byte{}, start)
	wantFault(t, err, fault.UntrustedSigner)
	h.revoke(k, k)
	_, err = k.Register(h.log, server, [32]byte{}, start)
	wantFault(t, err, fault.RevokedDevice)
}

func TestServerIDsAreChecked(t *testing.T) {
	h, k := registering(t, device.Classical)
	for _, id := range []string{"", string(make([]byte, 257)), "a\nb", "\xff", string(make([]byte, 1))} {
		_, err := device.NewChallenge(id, alice, start)
		wantFault(t, err, fault.Misuse)
		_, err = k.Register(h.log, id, [32]byte{}, start)
		wantFault(t, err, fault.Misuse)
	}
	long := make([]byte, device.MaxServer)
	for i := range long {
		long[i] = 'a'
	}
	c, err := device.NewChallenge(string(long), alice, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(h.register(k, c), h.log, start); err != nil {
		t.Errorf("a server ID of the limit: %v", err)
	}
	if other := h.challenge(); other.Nonce == c.Nonce || other.Nonce == h.challenge().Nonce {
		t.Error("two challenges have one nonce")
	}
}
