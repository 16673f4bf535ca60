// Package relay is the server of the chat, and a client for it. It stores and forwards what it cannot read: the device logs
// of users, the newest device-key of each device, the chains of groups, and a queue for each device. It is an example: it serves any number of
// users on one machine, and has no rate limits.
//
//	GET    /logs/{user}?from=N            entries from the place N on
//	POST   /logs/{user}                   an entry; it must extend the log, or be in it already
//	GET    /keys/{user}                   the newest device-key of each active device
//	POST   /keys/{user}                   a device-key
//	GET    /groups/{id}?from=N            entries from the place N on, and those that count no more
//	POST   /groups                        an entry; it must extend the chain of its group, or be in it already
//	POST   /challenges/{user}             a nonce for a device to sign
//	POST   /tokens?nonce=HEX              the answer; what comes back is a token
//	POST   /mail?to=ID,ID                 something for devices; what comes back are those that have it
//	GET    /mail?after=N&wait=SECONDS     what waits for the device that asks, behind number N
//	DELETE /mail?upto=N                   it has everything up to number N
//	POST   /links                         a nameplate, for a short code
//	POST   /boxes/{box}                   something for the other one of two devices that link
//	GET    /boxes/{box}?from=N&wait=SECONDS  what is in the box from place N on
//
// Logs and device-keys are for everybody, and what is posted proves itself. Boxes are for who knows their names. Mail, and the
// chain of a group, take a token: "Authorization: Bearer TOKEN". Bodies are the bytes themselves; lists are frames (frames.go).
// A refusal has the number of its fault.Code in the header "Fault".
package relay

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// Server is a relay over one database. It is an http.Handler and safe for concurrent use.
type Server struct {
	name string
	db   *bbolt.DB
	mux  *http.ServeMux

	mu         sync.Mutex
	challenges map[[32]byte]*device.Challenge
	tokens     map[tokenHash]device.ID
	bells      map[device.ID]chan struct{}
	boxes      map[string]*box // of links
}

// The buckets of the database.
var (
	logsBucket    = []byte("logs")    // user: place: entry
	devicesBucket = []byte("devices") // device: owner
	keysBucket    = []byte("keys")    // device: its newest device-key
	keyIDsBucket  = []byte("key IDs") // ID of every messaging key that was served: device
	groupsBucket  = []byte("groups")  // group: place: entry
	sidesBucket   = []byte("sides")   // group: number: entry that does not count any more
	mailBucket    = []byte("mail")    // device: number: sender and data
)

var buckets = [][]byte{logsBucket, devicesBucket, keysBucket, keyIDsBucket, groupsBucket, sidesBucket, mailBucket}

// Open opens the database in a file, or makes it. name is what devices sign that they register at.
func Open(path, name string) (*Server, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("relay: %w: %w", fault.StoreFailed, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range buckets {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("relay: %w: %w", fault.StoreFailed, err), db.Close())
	}
	s := &Server{
		name: name, db: db, mux: http.NewServeMux(), challenges: map[[32]byte]*device.Challenge{},
		tokens: map[tokenHash]device.ID{}, bells: map[device.ID]chan struct{}{},
		boxes: map[string]*box{},
	}
	for pattern, f := range map[string]func(r *http.Request) ([]byte, error){
		"GET /logs/{user}":        s.getLog,
		"POST /logs/{user}":       s.postEntry,
		"GET /keys/{user}":        s.getKeys,
		"POST /keys/{user}":       s.postKey,
		"GET /groups/{id}":        s.getGroup,
		"POST /groups":            s.postEntryOfGroup,
		"POST /challenges/{user}": s.postChallenge,
		"POST /tokens":            s.postAnswer,
		"POST /mail":              s.postMail,
		"GET /mail":               s.getMail,
		"DELETE /mail":            s.deleteMail,
		"POST /links":             s.postLink,
		"POST /boxes/{box}":       s.postBox,
		"GET /boxes/{box}":        s.getBox,
	} {
		s.mux.HandleFunc(pattern, answer(f))
	}
	return s, nil
}

// Close closes the database. Tokens are in memory only: devices register again.
func (s *Server) Close() error { return s.db.Close() }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// answer writes what f returns.
func answer(f func(r *http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := f(r)
		if err == nil {
			_, _ = w.Write(body)
			return
		}
		code := fault.Of(err)
		status, known := statuses[code]
		if !known {
			status = http.StatusForbidden
		}
		if code == 0 {
			code, status = fault.StoreFailed, http.StatusInternalServerError
		}
		w.Header().Set(faultHeader, strconv.Itoa(int(code)))
		http.Error(w, err.Error(), status)
	}
}

const faultHeader = "Fault"

// statuses are what HTTP calls some refusals. All others are 403.
var statuses = map[fault.Code]int{
	fault.Malformed:   http.StatusBadRequest,
	fault.OverLimit:   http.StatusRequestEntityTooLarge,
	fault.Expired:     http.StatusUnauthorized,
	fault.LogFork:     http.StatusConflict,
	fault.Rollback:    http.StatusConflict,
	fault.TooFarAhead: http.StatusConflict,
	fault.Canceled:    http.StatusServiceUnavailable,
}

// body reads what a request brings.
func body(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, sotto.MaxInput+1))
	if err != nil {
		return nil, fmt.Errorf("relay: body: %w", fault.Canceled)
	}
	if len(b) > sotto.MaxInput {
		return nil, fmt.Errorf("relay: body over %d bytes: %w", sotto.MaxInput, fault.OverLimit)
	}
	return b, nil
}

// number reads a number of the query, 0 when it is not there.
func number(r *http.Request, name string) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("relay: %s is no number: %w", name, fault.Malformed)
	}
	return n, nil
}
