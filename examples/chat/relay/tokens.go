package relay

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// tokenHash is the SHA-256 of a token: what is looked up tells nothing of the tokens there are.
type tokenHash [sha256.Size]byte

// maxChallenges is how many may be unanswered at a time.
const maxChallenges = 10000

func (s *Server) postChallenge(r *http.Request) ([]byte, error) {
	now := time.Now()
	c, err := device.NewChallenge(s.name, r.PathValue("user"), now)
	if err != nil {
		return nil, fmt.Errorf("relay: user: %w", fault.Malformed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.challenges, func(_ [32]byte, c *device.Challenge) bool { return now.Sub(c.Made) > device.ChallengeLife })
	if len(s.challenges) >= maxChallenges {
		return nil, fmt.Errorf("relay: too many unanswered challenges: %w", fault.OverLimit)
	}
	s.challenges[c.Nonce] = c
	return c.Nonce[:], nil
}

// postAnswer gives a token to a device that signed the nonce. Its older token is good for nothing then.
func (s *Server) postAnswer(r *http.Request) ([]byte, error) {
	answer, err := body(r)
	if err != nil {
		return nil, err
	}
	nonce, err := hex.DecodeString(r.URL.Query().Get("nonce"))
	if err != nil || len(nonce) != 32 {
		return nil, fmt.Errorf("relay: nonce: %w", fault.Malformed)
	}
	c := s.takeChallenge([32]byte(nonce))
	if c == nil {
		return nil, fmt.Errorf("relay: no such challenge: %w", fault.Expired)
	}
	var l *device.Log
	err = s.db.View(func(tx *bbolt.Tx) (err error) {
		l, err = logOf(tx, c.User)
		return err
	})
	if err != nil {
		return nil, err
	}
	registered, err := c.Check(answer, l, time.Now())
	if err != nil {
		return nil, err
	}
	return s.newToken(registered.Record.ID()), nil
}

// takeChallenge returns a challenge, once.
func (s *Server) takeChallenge(nonce [32]byte) *device.Challenge {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.challenges[nonce]
	delete(s.challenges, nonce)
	return c
}

func (s *Server) newToken(id device.ID) []byte {
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.tokens, func(_ tokenHash, of device.ID) bool { return of == id })
	s.tokens[sha256.Sum256([]byte(token))] = id
	return []byte(token)
}

// device returns the device whose token a request bears: fault.Expired for a token that is not known, fault.RevokedDevice
// for a device that is not active.
func (s *Server) device(tx *bbolt.Tx, r *http.Request) (device.ID, error) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	id, known := s.tokens[sha256.Sum256([]byte(token))]
	s.mu.Unlock()
	if !known {
		return device.ID{}, fmt.Errorf("relay: no such token: %w", fault.Expired)
	}
	if o, _ := ownerOf(tx, id); !o.active {
		return device.ID{}, fmt.Errorf("relay: device: %w", fault.RevokedDevice)
	}
	return id, nil
}
