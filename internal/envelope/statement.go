package envelope

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// Statement is what the maker of a session signs about it:
//
//	{1: conversation, 2: epoch, 3: state | null, 4: suite, 5: roster, 6: [[user, root, seq, head] …], 7: created,
//	 8: max_msgs, 9: max_age, 10: previous session | null, 11: secret}
//
// It is written and read by hand, because a generic codec keeps copies of the secret. The secret itself is no field of this
// struct: who has it keeps it in one place.
type Statement struct {
	Conversation [32]byte
	Epoch        uint64
	State        *[32]byte // H(group entry); nil in a conversation of one or two
	Suite        uint64
	Roster       [32]byte
	Heads        []Head // ascending by User
	Created      uint64 // Unix seconds
	MaxMessages  uint64
	MaxAge       uint64 // seconds
	Prev         *[32]byte
}

// Head is up to where the log of a user counts.
type Head struct {
	User string
	Root [32]byte
	Seq  uint64
	Head [32]byte
}

// Limits of a statement.
const (
	SecretSize   = 32
	MaxStatement = 1 << 20 // bytes; 4,096 heads of users with the longest names have 850 KB
	MaxHeads     = 4096
	MaxMessages  = 10_000
	MinAge       = 60 * 60           // seconds
	MaxAge       = 30 * 24 * 60 * 60 // seconds

	maxUser = 128
	maxInt  = 1<<53 - 1

	// pairs is the number of fields, secretEnd what the last of them has: key, head and secret.
	pairs     = 11
	secretEnd = 1 + 2 + SecretSize
)

// AppendPayload appends the statement as it is signed. The secret has SecretSize bytes.
func (s *Statement) AppendPayload(dst, secret []byte) []byte {
	dst = append(dst, wire.MajorMap|pairs)
	dst = wire.AppendBytes(append(dst, 1), s.Conversation[:])
	dst = wire.AppendHead(append(dst, 2), wire.MajorUint, s.Epoch)
	dst = appendOptional(append(dst, 3), s.State)
	dst = wire.AppendHead(append(dst, 4), wire.MajorUint, s.Suite)
	dst = wire.AppendBytes(append(dst, 5), s.Roster[:])
	dst = wire.AppendHead(append(dst, 6), wire.MajorArray, uint64(len(s.Heads)))
	for i := range s.Heads {
		dst = s.Heads[i].append(dst)
	}
	dst = wire.AppendHead(append(dst, 7), wire.MajorUint, s.Created)
	dst = wire.AppendHead(append(dst, 8), wire.MajorUint, s.MaxMessages)
	dst = wire.AppendHead(append(dst, 9), wire.MajorUint, s.MaxAge)
	dst = appendOptional(append(dst, 10), s.Prev)
	return wire.AppendBytes(append(dst, 11), secret)
}

// PayloadSize is at least the size of the payload: with so much room no copy of the secret is left behind.
func (s *Statement) PayloadSize() int {
	size := 512
	for i := range s.Heads {
		size += 96 + len(s.Heads[i].User)
	}
	return size
}

func (h *Head) append(dst []byte) []byte {
	dst = wire.AppendText(append(dst, wire.MajorArray|4), h.User)
	dst = wire.AppendBytes(dst, h.Root[:])
	dst = wire.AppendHead(dst, wire.MajorUint, h.Seq)
	return wire.AppendBytes(dst, h.Head[:])
}

func appendOptional(dst []byte, b *[32]byte) []byte {
	if b == nil {
		return append(dst, wire.Null)
	}
	return wire.AppendBytes(dst, b[:])
}

// SessionID is the session that a payload of sender makes: it commits to the secret and to every other field.
//
//	X(Extract(salt: H({1 … 10}), secret), ["sotto/v1.session-id", sender], 32)
func SessionID(payload []byte, sender [32]byte) ([32]byte, error) {
	if len(payload) < 1+secretEnd {
		return [32]byte{}, fmt.Errorf("statement of %d bytes: %w", len(payload), fault.Malformed)
	}
	end := len(payload) - secretEnd
	params := sha256.New() // fields 1 to 10 stand in the payload as they stand in a map of their own, but for its head
	params.Write([]byte{wire.MajorMap | (pairs - 1)})
	params.Write(payload[1:end])
	prk, err := hkdf.Extract(sha256.New, payload[len(payload)-SecretSize:], params.Sum(nil))
	if err != nil {
		return [32]byte{}, err
	}
	defer clear(prk)
	info := wire.AppendBound(nil, wire.LabelSessionID, sender[:])
	id, err := hkdf.Expand(sha256.New, prk, string(info), 32)
	if err != nil {
		return [32]byte{}, err
	}
	return [32]byte(id), nil
}

// Signed is a signed statement that was decoded and not yet verified.
type Signed struct {
	Statement
	Sender [32]byte // who claims to have signed: the ID of a record
	ID     [32]byte // the session that it makes
	Secret []byte   // points into what was parsed
}

// ParseSigned decodes a signed statement. Its signature is not checked.
func ParseSigned(b []byte) (*Signed, error) {
	if len(b) > MaxStatement {
		return nil, fmt.Errorf("statement of %d bytes: %w", len(b), fault.OverLimit)
	}
	m, err := coseimpl.ParseSign1(b, true)
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	kid, err := m.Bytes(coseimpl.HeaderKID)
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	if len(kid) != 32 {
		return nil, fmt.Errorf("statement: key ID of %d bytes: %w", len(kid), fault.UntrustedSigner)
	}
	s := &Signed{Sender: [32]byte(kid)}
	payload := m.Unverified()
	if s.Secret, err = s.read(payload); err != nil {
		return nil, err
	}
	s.ID, err = SessionID(payload, s.Sender)
	return s, err
}
