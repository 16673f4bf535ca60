package linking

import (
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// joinIntent is what every QR code is for: that the device which scans it joins the account of the one that shows it. There
// is no code that asks for the other direction, so a page that shows one cannot.
const joinIntent = 1

// QR is what the old device shows.
type QR struct {
	redacted
	Rendezvous [16]byte        // names the mailbox of the attempt
	Passphrase [32]byte        // secret
	Key        *ecdh.PublicKey // eO, of this attempt alone
	User       string
	Cert       [32]byte // of the old device's record
	Expires    uint64   // Unix seconds by the old device's clock, for it alone to judge
}

// Marshal returns the content of the code, which the caller wipes.
//
//	{1: 1, 2: rendezvous, 3: passphrase, 4: eO, 5: user_id, 6: cert_id, 7: expires, 8: 1}
func (q *QR) Marshal() []byte {
	b := append(make([]byte, 0, MaxQR), wire.MajorMap|8, 1, modeQR)
	b = wire.AppendBytes(append(b, 2), q.Rendezvous[:])
	b = wire.AppendBytes(append(b, 3), q.Passphrase[:])
	b = wire.AppendBytes(append(b, 4), q.Key.Bytes())
	b = wire.AppendText(append(b, 5), q.User)
	b = wire.AppendBytes(append(b, 6), q.Cert[:])
	b = wire.AppendHead(append(b, 7), wire.MajorUint, q.Expires)
	return append(b, 8, joinIntent)
}

// ParseQR reads what Marshal wrote, and nothing else. A code of a newer version is fault.UnsupportedVersion. It leaves no
// copy of the passphrase but the one in QR, which the caller wipes.
func ParseQR(b []byte) (*QR, error) {
	if len(b) > MaxQR {
		return nil, fmt.Errorf("QR code of %d bytes: %w", len(b), fault.OverLimit)
	}
	r := wire.NewReader(b)
	pairs := r.Map("QR code", wire.MaxPairs)
	readKey(&r, 1)
	if version := r.Int("version"); version > modeQR && version <= maxInt {
		r.Fail("version", fmt.Sprintf("is %d", version), fault.UnsupportedVersion)
	} else if version != modeQR || pairs != 8 {
		r.Fail("version", "none, or not the fields of it", fault.Malformed)
	}
	q := &QR{}
	readKey(&r, 2)
	readInto(&r, "rendezvous", q.Rendezvous[:])
	readKey(&r, 3)
	readInto(&r, "passphrase", q.Passphrase[:])
	var key [ecdh.Size]byte
	readKey(&r, 4)
	readInto(&r, "key", key[:])
	readKey(&r, 5)
	q.User = r.Text("user ID", len(b))
	readKey(&r, 6)
	readInto(&r, "cert_id", q.Cert[:])
	readKey(&r, 7)
	expires := r.Int("expires")
	readKey(&r, 8)
	intent := r.Int("intent")
	err := r.End("QR code")
	if err == nil {
		q.Key, err = ecdh.NewPublicKey(key[:])
	}
	if err == nil && (expires < 0 || expires > maxInt || intent != joinIntent || !wire.ValidName(q.User, maxUser)) {
		err = fmt.Errorf("QR code: no user ID, time or intent of this version: %w", fault.Malformed)
	}
	if err != nil {
		clear(q.Passphrase[:])
		return nil, err
	}
	q.Expires = uint64(expires)
	return q, nil
}

// readKey reads the key of a pair, of which there is one order.
func readKey(r *wire.Reader, want int64) {
	if key := r.Int("key"); r.Err() == nil && key != want {
		r.Fail("key", fmt.Sprintf("is not %d", want), fault.Malformed)
	}
}

// readInto reads a byte string of the length of dst.
func readInto(r *wire.Reader, what string, dst []byte) {
	b := r.Bytes(what, MaxMessage)
	if r.Err() == nil && len(b) != len(dst) {
		r.Fail(what, fmt.Sprintf("has %d bytes, not %d", len(b), len(dst)), fault.Malformed)
	}
	copy(dst, b)
}
