package device

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// A device registers at a server by signing the server's nonce together with everything that it registers: its record, the
// log entry that admits it, and its first messaging key. The nonce alone is never signed, and what authorizes is the log,
// not a login.

// ChallengeLife is how long a challenge may be answered.
const ChallengeLife = 5 * time.Minute

// Challenge is a server's question to one user's new device. The server keeps it; Server and Nonce go to the device. It is
// good for one answer.
type Challenge struct {
	Server string // the server's ID, 1 to MaxServer bytes of UTF-8 without control characters
	User   string // who may answer
	Nonce  [32]byte
	Made   time.Time
	used   atomic.Bool
}

// NewChallenge makes a challenge with a fresh nonce.
func NewChallenge(server, user string, now time.Time) (*Challenge, error) {
	if err := checkName("server ID", server, MaxServer, fault.Misuse); err != nil {
		return nil, err
	}
	if err := checkUser(user, fault.Misuse); err != nil {
		return nil, err
	}
	c := &Challenge{Server: server, User: user, Made: now}
	rand.Read(c.Nonce[:])
	return c, nil
}

// registrationFields is the payload of a registration.
type registrationFields struct {
	Record    []byte   `cbor:"1,keyasint"`
	Nonce     [32]byte `cbor:"2,keyasint"`
	Server    string   `cbor:"3,keyasint"`
	Issued    uint64   `cbor:"4,keyasint"`
	Entry     Hash     `cbor:"5,keyasint"` // of the log entry that brought the record in
	DeviceKey []byte   `cbor:"6,keyasint"`
}

// registrationContext is the place of a registration: external_aad [label, server ID as text, nonce].
func registrationContext(server string, nonce []byte) cose.Context {
	aad := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 3), wire.LabelRegistration)
	aad = wire.AppendBytes(wire.AppendText(aad, server), nonce)
	return cose.Context{Type: wire.LabelRegistration, AAD: aad}
}

// Register answers a server's nonce. l is the user's log with this device in it; the newest device-key goes along, so
// Rotate comes first (else fault.Misuse).
func (k *Keys) Register(l *Log, server string, nonce [32]byte, now time.Time) ([]byte, error) {
	if err := checkName("server ID", server, MaxServer, fault.Misuse); err != nil {
		return nil, err
	}
	issued, err := seconds(now)
	if err != nil {
		return nil, err
	}
	if err := k.begin(); err != nil {
		return nil, err
	}
	defer k.mu.Unlock()
	if l == nil || len(k.messaging) == 0 {
		return nil, fmt.Errorf("device: registration without a log or a messaging key: %w", fault.Misuse)
	}
	entry, err := l.admittedBy(k.record.cert)
	if err != nil {
		return nil, err
	}
	f := registrationFields{
		Record: k.record.b, Nonce: nonce, Server: server, Issued: issued, Entry: entry, DeviceKey: k.messaging[0].public.b,
	}
	return sign("registration", k.signer, f, registrationContext(server, nonce[:]))
}

// admittedBy is the entry that brought in a record, which is the present one of an active device.
func (l *Log) admittedBy(c CertID) (Hash, error) {
	if _, err := l.Find(c); err != nil {
		return Hash{}, err
	}
	return l.hashes[l.members[l.certs[c]].current.seq], nil
}

// Registered is a device that answered a challenge.
type Registered struct {
	Record *Record
	Key    *MessagingKey
}

// Check verifies an answer with the log of the challenge's user. A challenge is good for one call, right or wrong: a
// second one is fault.Replayed. A server that keeps challenges in a database takes them out of there before it calls.
//
// An answer after ChallengeLife is fault.Expired, one by another user or for another server or nonce
// fault.UntrustedSigner, one of a revoked device fault.RevokedDevice. The device-key is held against the log as AcceptKey
// does, but not against what was seen of the device before: a server that saw it calls AcceptKey with that as well.
func (c *Challenge) Check(answer []byte, l *Log, now time.Time) (*Registered, error) {
	if l == nil || l.user != c.User {
		return nil, fmt.Errorf("device: log of another user: %w", fault.Misuse)
	}
	if c.used.Swap(true) {
		return nil, fmt.Errorf("device: nonce was used before: %w", fault.Replayed)
	}
	if age := now.Sub(c.Made); age > ChallengeLife || age < 0 {
		return nil, fmt.Errorf("device: nonce is too old: %w", fault.Expired)
	}
	s, err := parseSigned("registration", answer, MaxRegistration)
	if err != nil {
		return nil, err
	}
	var f registrationFields
	if err := wire.Unmarshal("device: registration", s.payload, MaxRegistration, &f); err != nil {
		return nil, err
	}
	if err := checkInts("registration", f.Issued); err != nil {
		return nil, err
	}
	r, err := ParseRecord(c.User, f.Record)
	if err != nil {
		return nil, err
	}
	if err := s.verify("registration", r.verifier, registrationContext(c.Server, c.Nonce[:])); err != nil {
		return nil, err
	}
	if f.Server != c.Server || subtle.ConstantTimeCompare(f.Nonce[:], c.Nonce[:]) != 1 {
		return nil, fmt.Errorf("device: registration for another server or nonce: %w", fault.UntrustedSigner)
	}
	return l.registered(r, &f)
}

// registered holds a signed registration against the log.
func (l *Log) registered(r *Record, f *registrationFields) (*Registered, error) {
	entry, err := l.admittedBy(r.cert)
	if err != nil {
		return nil, fmt.Errorf("device: registration: %w", err)
	}
	if entry != f.Entry {
		return nil, fmt.Errorf("device: registration: names an entry that does not admit the record: %w", fault.UntrustedSigner)
	}
	key, err := l.AcceptKey(r.fields.ID, f.DeviceKey, nil)
	if err != nil {
		return nil, fmt.Errorf("device: registration: %w", err)
	}
	return &Registered{r, key}, nil
}
