package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// sottoSequence is what one device does with the sessions in its store, step by step.
type sottoSequence struct {
	Inputs struct {
		sessionScene
		Reader    json.RawMessage   `json:"reader"` // sessionReader
		Envelopes []octets          `json:"envelopes"`
		Messages  []octets          `json:"messages"`
		Steps     []json.RawMessage `json:"steps"` // of sequenceStep
	} `json:"inputs"`
}

// sequenceStep is one call, and what comes of it.
type sequenceStep struct {
	Do       string `json:"do"`
	Envelope int    `json:"envelope,omitempty"` // by its place in the list
	Message  int    `json:"message,omitempty"`
	Now      int64  `json:"now,omitempty"`
	Drained  bool   `json:"drained,omitempty"`
	Crash    bool   `json:"crash,omitempty"` // the transaction does not commit

	Fault   string   `json:"fault,omitempty"`
	Fresh   bool     `json:"fresh,omitempty"`
	Skipped uint64   `json:"skipped,omitempty"`
	Session octets   `json:"session,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Closed  []octets `json:"closed,omitempty"`
}

// maxSteps is more than any sequence needs.
const maxSteps = 256

func (c *sottoSequence) read() error {
	in := &c.Inputs
	ctx := context.Background()
	root, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Memory(), root, store.Schema{Version: 1})
	if err != nil {
		return err
	}
	defer db.Destroy()
	r, err := readReader(in.Reader)
	if err != nil {
		return err
	}
	defer r.keys.Destroy()
	conversation, logs, err := in.parts()
	if err != nil {
		return err
	}
	if len(in.Steps) == 0 || len(in.Steps) > maxSteps {
		return fmt.Errorf("%d steps", len(in.Steps))
	}
	run := &sequenceRun{ctx, db, r, conversation, logs, in.Envelopes, in.Messages, map[int]*session.Opened{}}
	for i, object := range in.Steps {
		var s sequenceStep
		if err := decode(object, &s); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		err := run.step(&s)
		if s.Fault != "" {
			_, err = refusedAs(s.Fault, err)
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.Do, err)
		}
	}
	return nil
}

// write has nothing to make: envelopes and messages are made in the other cases.
func (c *sottoSequence) write() error { return nil }

// sequenceRun is a device with its store.
type sequenceRun struct {
	ctx          context.Context
	db           *store.DB
	reader       *sessionReader
	conversation *session.Conversation
	logs         session.Logs
	envelopes    []octets
	messages     []octets
	opened       map[int]*session.Opened // messages that are opened and not taken yet
}

var errCrash = errors.New("the transaction does not commit")

// update runs f in a transaction, which is given up at the end when the step is to crash.
func (r *sequenceRun) update(s *sequenceStep, f func(tx *store.Tx) error) error {
	err := r.db.Update(r.ctx, func(tx *store.Tx) error {
		if err := f(tx); err != nil || !s.Crash {
			return err
		}
		return errCrash
	})
	if s.Crash && errors.Is(err, errCrash) {
		return nil
	}
	return err
}

func (r *sequenceRun) step(s *sequenceStep) error {
	switch s.Do {
	case "keep":
		return r.keep(s)
	case "open":
		return r.open(s)
	case "take":
		return r.take(s)
	case "receive":
		if err := r.open(s); err != nil {
			return err
		}
		return r.take(s)
	case "best":
		return r.best(s)
	case "online":
		return r.closing(s, func(tx *store.Tx) ([]session.ID, error) {
			return session.Online(tx, s.Drained, time.Unix(s.Now, 0))
		})
	case "close":
		return r.update(s, func(tx *store.Tx) error { return session.Close(tx, session.ID(hashFrom(s.Session))) })
	case "retire":
		return r.update(s, session.Retire)
	}
	return errors.New("unknown step")
}

// keep opens an envelope and keeps its session.
func (r *sequenceRun) keep(s *sequenceStep) error {
	if s.Envelope < 0 || s.Envelope >= len(r.envelopes) {
		return fmt.Errorf("no envelope %d", s.Envelope)
	}
	offer, err := session.OpenEnvelope(r.reader.keys, r.envelopes[s.Envelope])
	if err != nil {
		return fmt.Errorf("envelope: %v", err) // no refusal by what is stored
	}
	defer offer.Destroy()
	now := time.Unix(s.Now, 0)
	kept, err := offer.Verify(r.reader.keys.Record().Cert(), r.conversation, now, r.logs)
	if err != nil {
		return fmt.Errorf("envelope: %v", err)
	}
	defer kept.Destroy()
	return r.update(s, func(tx *store.Tx) error {
		fresh, err := session.Keep(tx, kept, now)
		if err != nil {
			return err
		}
		return same("whether it is new", fresh, s.Fresh)
	})
}

// open opens a message in the open sessions that it names.
func (r *sequenceRun) open(s *sequenceStep) error {
	if s.Message < 0 || s.Message >= len(r.messages) {
		return fmt.Errorf("no message %d", s.Message)
	}
	b := r.messages[s.Message]
	delete(r.opened, s.Message)
	prefix, err := session.MessageSession(b)
	if err != nil {
		return err
	}
	return r.db.View(r.ctx, func(tx *store.Tx) error {
		ids, err := session.Find(tx, prefix)
		if err != nil {
			return err
		}
		refusal := fmt.Errorf("no open session of this name: %w", fault.UnknownSession)
		for _, id := range ids {
			statement, _, err := session.Statement(tx, id)
			if err != nil {
				return err
			}
			of, err := session.Resume(statement, r.logs)
			if err != nil {
				return err
			}
			o, err := of.Open(b, r.logs)
			of.Destroy()
			if err == nil {
				r.opened[s.Message] = o
				return nil
			}
			refusal = err
		}
		return refusal
	})
}

func (r *sequenceRun) take(s *sequenceStep) error {
	o := r.opened[s.Message]
	if o == nil {
		return fmt.Errorf("message %d was not opened", s.Message)
	}
	return r.update(s, func(tx *store.Tx) error {
		taken, err := session.Take(tx, o)
		if err != nil {
			return err
		}
		return same("messages that are missing before it", taken.Skipped, s.Skipped)
	})
}

// best asks which session is to be sent on, with the roster as the logs are now.
func (r *sequenceRun) best(s *sequenceStep) error {
	roster, err := r.roster()
	if err != nil {
		return err
	}
	return r.db.View(r.ctx, func(tx *store.Tx) error {
		id, why, err := session.Best(tx, r.conversation, roster, time.Unix(s.Now, 0), nil)
		if err != nil {
			return err
		}
		if why != session.None {
			return errors.Join(same("reason", why.String(), s.Reason), equal("session", nil, s.Session))
		}
		return errors.Join(equal("session", id[:], s.Session), same("reason", "", s.Reason))
	})
}

func (r *sequenceRun) roster() (*device.Roster, error) {
	var logs []*device.Log
	for _, l := range r.logs {
		logs = append(logs, l)
	}
	return device.NewRoster(r.conversation.ID, r.conversation.Epoch, logs...)
}

// closing runs what closes sessions, and compares which ones.
func (r *sequenceRun) closing(s *sequenceStep, f func(tx *store.Tx) ([]session.ID, error)) error {
	return r.update(s, func(tx *store.Tx) error {
		closed, err := f(tx)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(closed, s.Closed, func(have session.ID, want octets) bool { return string(have[:]) == string(want) }) {
			return fmt.Errorf("%v closed, want %x", closed, s.Closed)
		}
		return nil
	})
}
