package device

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
)

// How messaging keys come and go. An old private half opens what was sealed to it, so it lives as long as such messages
// may arrive, and is then wiped: what was sealed to it opens for nobody any more.
const (
	RotateAfter = 7 * 24 * time.Hour // the age at which a messaging key is renewed
	KeepFor     = 7 * 24 * time.Hour // time on line until a renewed key's private half is wiped
	maxAway     = 24 * time.Hour     // between two contacts, at most this long counts as on line
	maxHalves   = 256                // private halves of one device
)

// half is the private half of a messaging key.
type half struct {
	public *MessagingKey
	x25519 *ecdh.PrivateKey
	hybrid *ecdh.HybridPrivateKey // nil in suite 1
	online uint64                 // seconds on line since it was renewed
}

func (h *half) destroy() {
	h.x25519.Destroy()
	if h.hybrid != nil {
		h.hybrid.Destroy()
	}
}

// RotationDue reports whether the messaging key is to be renewed: there is none, it hangs on a record that was replaced, it
// is RotateAfter old, or its date lies ahead by more than a day, because the clock was wrong then or is now.
func (k *Keys) RotationDue(now time.Time) bool {
	if k.begin() != nil {
		return false
	}
	defer k.mu.Unlock()
	if len(k.messaging) == 0 || k.messaging[0].public.fields.Cert != k.record.cert {
		return true
	}
	age := now.Sub(time.Unix(int64(k.messaging[0].public.fields.Issued), 0))
	return age >= RotateAfter || age < -maxAway
}

// Rotate makes a new messaging key and returns it signed, to be published once it is stored. l is the device's own log as
// it knows it; a device that is not in it yet may rotate, too. published is the newest device-key that the server shows
// for this device, nil for none: a device that was restored from an old copy goes on above it. It must be signed by this
// device: what a server shows instead is refused, as fault.UntrustedSigner for example, and an app then goes on with nil.
// When no generation is left above it, somebody else has the device's key: fault.SenderReset, the device is to be revoked.
func (k *Keys) Rotate(l *Log, published []byte, now time.Time) ([]byte, error) {
	issued, err := seconds(now)
	if err != nil {
		return nil, err
	}
	if err := k.begin(); err != nil {
		return nil, err
	}
	defer k.mu.Unlock()
	if l == nil || l.user != k.record.fields.User {
		return nil, fmt.Errorf("device: log of another user: %w", fault.Misuse)
	}
	if len(k.messaging) == maxHalves {
		return nil, fmt.Errorf("device: %d messaging keys are kept: %w", maxHalves, fault.OverLimit)
	}
	gen, err := k.nextGen(published)
	if err != nil {
		return nil, err
	}
	pin := l.Pin()
	h, err := k.newHalf(deviceKeyFields{Cert: k.record.cert, Gen: gen, Issued: issued, Seq: pin.Seq, Head: pin.Head})
	if err != nil {
		return nil, err
	}
	k.messaging = append([]*half{h}, k.messaging...)
	k.contact = max(k.contact, issued) // the time on line of the key that was renewed counts from here
	return bytes.Clone(h.public.b), nil
}

// nextGen is one more than any generation that this device ever had or published. k.mu is held.
func (k *Keys) nextGen(published []byte) (uint64, error) {
	var gen uint64
	if len(k.messaging) > 0 {
		gen = k.messaging[0].public.fields.Gen + 1
	}
	if published == nil {
		return gen, nil
	}
	m, err := k.readOwn(published)
	if err != nil {
		return 0, err
	}
	if m.fields.Gen == maxInt {
		return 0, fmt.Errorf("device: the last generation is published: %w", fault.SenderReset)
	}
	return max(gen, m.fields.Gen+1), nil
}

// readOwn decodes a device-key that this device signed, under its present record or an earlier one.
func (k *Keys) readOwn(deviceKey []byte) (*MessagingKey, error) {
	m, s, err := readMessagingKey(deviceKey)
	if err != nil {
		return nil, err
	}
	own, err := cose.NewVerifier(k.record.verifier.PublicKey(), m.fields.Cert[:])
	if err != nil {
		return nil, fmt.Errorf("device: device-key: %w", err)
	}
	if err := s.verify("device-key", own, deviceKeyContext(m.fields.Cert)); err != nil {
		return nil, err
	}
	return m, nil
}

// newHalf makes a messaging key and signs its public half. k.mu is held.
func (k *Keys) newHalf(f deviceKeyFields) (*half, error) {
	h := &half{x25519: ecdh.Generate()}
	f.X25519 = [ecdh.Size]byte(h.x25519.Public().Bytes())
	if k.record.fields.Suite == Hybrid {
		h.hybrid = ecdh.GenerateHybrid()
		public := h.hybrid.Public().Bytes()
		f.XWing = &public
	}
	b, err := sign("device-key", k.signer, f, deviceKeyContext(f.Cert))
	if err == nil {
		h.public, _, err = readMessagingKey(b)
	}
	if err != nil {
		h.destroy()
		return nil, err
	}
	return h, nil
}

// DeviceKey returns the newest device-key, signed, nil before the first Rotate. It is offered to the server until that has
// it.
func (k *Keys) DeviceKey() []byte {
	if k.begin() != nil {
		return nil
	}
	defer k.mu.Unlock()
	if len(k.messaging) == 0 {
		return nil
	}
	return k.messaging[0].public.Bytes()
}

// KeyIDs returns the IDs of the messaging keys whose private halves are kept, newest first.
func (k *Keys) KeyIDs() []KeyID {
	if k.begin() != nil {
		return nil
	}
	defer k.mu.Unlock()
	ids := make([]KeyID, len(k.messaging))
	for i, h := range k.messaging {
		ids[i] = h.public.id
	}
	return ids
}

// Online says that the device is in contact with its server, and receives what waits for it; an app calls it once an hour
// or so as long as that is the case. Each private half that was renewed is wiped after KeepFor on line since then; of the
// time between two calls, at most a day counts. So a phone that was off for a month still reads its queue, no clock that
// jumps wipes a key, and no server keeps one alive. It returns how many were wiped; the caller stores the Keys either way.
func (k *Keys) Online(now time.Time) (wiped int, err error) {
	t, err := seconds(now)
	if err != nil {
		return 0, err
	}
	if err := k.begin(); err != nil {
		return 0, err
	}
	defer k.mu.Unlock()
	since := k.onlineSince(t)
	for i := len(k.messaging) - 1; i > 0; i-- {
		h := k.messaging[i]
		if h.online += since; h.online >= uint64(KeepFor/time.Second) {
			h.destroy()
			k.messaging = append(k.messaging[:i], k.messaging[i+1:]...)
			wiped++
		}
	}
	return wiped, nil
}

// onlineSince is the time on line since the last call that counts, and moves on to t. A clock that went back counts for
// nothing until it is where it was; when it went back by more than a day it was wrong before, and counting begins anew.
// k.mu is held.
func (k *Keys) onlineSince(t uint64) (seconds uint64) {
	const day = uint64(maxAway / time.Second)
	switch {
	case t < k.contact && k.contact-t <= day:
		return 0
	case t < k.contact:
		k.contact = 0
		return 0
	case k.contact > 0:
		seconds = min(t-k.contact, day)
	}
	k.contact = t
	return seconds
}
