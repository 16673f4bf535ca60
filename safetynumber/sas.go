package safetynumber

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sas"
	"github.com/sottokit/sotto/internal/secret"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// SAS is one attempt of two devices to learn, by a short authentication string, that they hold the same identities of both
// users. It follows the SAS verification of Matrix (m.sas.v1, curve25519-hkdf-sha256): the responder commits to its key
// before it sees the initiator's, so who stands between them has one guess, right with a probability of 2^-42 for the emoji
// and 2^-39 for the decimals.
//
// It does no I/O: the messages that its functions return are to be sent to the other device, by any way. Whatever is wrong
// with a message that comes in ends the attempt for good. An attempt lives in memory only; the caller drops one that takes
// too long. It is safe for concurrent use. The zero value and nil are attempts that were aborted.
type SAS struct {
	_ [0]func()
	redacted
	mu          sync.Mutex
	state       SASState
	initiator   bool
	transaction sas.Transaction
	transcript  sas.Transcript // without the other side's key until it is there
	key         *ecdh.PrivateKey
	commitment  []byte   // the responder's, as the initiator received it
	next        sas.Kind // the message that is due: those of lesser kinds are over
	shown       sas.Strings
	confirm     *secret.Bytes // nil until both keys are there
}

// SASState is how far an attempt is.
type SASState int32

// The states. The last three, of which SASAborted is the zero value, are the ends: nothing leads out of them.
const (
	SASWaiting       SASState = iota + 1 // for the other device
	SASShown                             // both people compare what they see
	SASConfirmed                         // the person here said that it is the same, the other one has not yet
	SASPeerConfirmed                     // the other one did, the person here has not yet
	SASDone                              // both did
	SASDiffer                            // one of them said that it is not the same
	SASAborted       SASState = 0        // cancelled, or ended by a message that was wrong
)

// String returns the state in one or two words.
func (s SASState) String() string {
	names := [...]string{"aborted", "waiting", "shown", "confirmed", "peer confirmed", "done", "differ"}
	if s < 0 || int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// ended reports whether the state is an end.
func (s SASState) ended() bool { return s == SASDone || s == SASDiffer || s == SASAborted }

// StartSAS begins an attempt as the initiator. The parties are as in New, each with the devices that this device holds, and
// the errors are the same.
func StartSAS(me, peer Party) (s *SAS, start []byte, err error) {
	return StartSASFrom(sas.NewSeed(), me, peer)
}

// StartSASFrom is StartSAS with given randomness, for test vectors. Nobody outside sotto has any to give.
func StartSASFrom(seed sas.Seed, me, peer Party) (s *SAS, start []byte, err error) {
	mine, peers, err := digests(me, peer)
	if err != nil {
		return nil, nil, err
	}
	start, err = sas.Encode(sas.Start, seed.Transaction, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("safetynumber: SAS: %w", err)
	}
	s = newSAS(seed.Key, seed.Transaction)
	s.initiator, s.next = true, sas.Accept
	s.transcript = sas.Transcript{
		Start: start, Initiator: mine, Responder: peers, InitiatorKey: seed.Key.Public().Bytes(),
	}
	return s, bytes.Clone(start), nil
}

// AcceptSAS begins an attempt as the responder, by the start message that came in. Besides the errors of StartSAS there are
// those of Receive.
func AcceptSAS(me, peer Party, start []byte) (s *SAS, accept []byte, err error) {
	return AcceptSASFrom(sas.NewSeed(), me, peer, start)
}

// AcceptSASFrom is AcceptSAS with given randomness, for test vectors. Nobody outside sotto has any to give. The transaction
// is that of the start message.
func AcceptSASFrom(seed sas.Seed, me, peer Party, start []byte) (s *SAS, accept []byte, err error) {
	mine, peers, err := digests(me, peer)
	if err != nil {
		return nil, nil, err
	}
	m, err := sas.Parse(start)
	if err != nil {
		return nil, nil, fmt.Errorf("safetynumber: SAS: %w", err)
	}
	if m.Kind != sas.Start {
		return nil, nil, fmt.Errorf("safetynumber: SAS: message of kind %d does not start it: %w", m.Kind, fault.Malformed)
	}
	s = newSAS(seed.Key, m.Transaction)
	s.next = sas.InitiatorKey
	s.transcript = sas.Transcript{
		Start: bytes.Clone(start), Initiator: peers, Responder: mine, ResponderKey: seed.Key.Public().Bytes(),
	}
	commitment := sas.Commitment(s.transcript.ResponderKey, start)
	accept, err = s.message(sas.Accept, commitment[:])
	return s, accept, err
}

func newSAS(key *ecdh.PrivateKey, t sas.Transaction) *SAS {
	return &SAS{
		redacted: secret.Redact("safetynumber.SAS", t[:]),
		state:    SASWaiting, transaction: t, key: key,
	}
}

// digests are the identities of the parties, as they go into the strings.
func digests(me, peer Party) (mine, peers [32]byte, err error) {
	if mine, err = me.digest(); err != nil {
		return mine, peers, err
	}
	if peers, err = peer.digest(); err == nil && mine == peers {
		err = fmt.Errorf("safetynumber: a party with itself: %w", fault.Misuse)
	}
	return mine, peers, err
}

// SASTransaction returns the 16 bytes that name the attempt to which a message belongs, so that the caller finds it, and
// whether the message starts one. Nothing of it is verified. The errors are those of Receive.
func SASTransaction(message []byte) (transaction [16]byte, starts bool, err error) {
	m, err := sas.Parse(message)
	if err != nil {
		return transaction, false, fmt.Errorf("safetynumber: SAS: %w", err)
	}
	return m.Transaction, m.Kind == sas.Start, nil
}

// Transaction returns the 16 bytes that name the attempt.
func (s *SAS) Transaction() [16]byte {
	if s == nil {
		return [16]byte{}
	}
	return s.transaction
}

// State returns how far the attempt is.
func (s *SAS) State() SASState {
	if s == nil {
		return SASAborted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Destroy aborts an attempt that has not ended, without a word to the other side, and wipes its keys. It is idempotent.
func (s *SAS) Destroy() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.ended() {
		s.end(SASAborted)
	}
}

// end leads to an end.
func (s *SAS) end(state SASState) {
	s.state = state
	s.key.Destroy()
	s.confirm.Destroy()
}

// message is one of this attempt.
func (s *SAS) message(kind sas.Kind, body []byte) ([]byte, error) {
	b, err := sas.Encode(kind, s.transaction, body)
	if err != nil {
		return nil, fmt.Errorf("safetynumber: SAS: %w", err)
	}
	return b, nil
}
