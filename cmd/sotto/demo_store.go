package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

var stores = act{"A store: sealed values in one file, one operation = one commit", []step{
	{"two values kept; the header is the lockbox", makeStore},
	{"reopened by way of header and password", reopenStore},
	attack("the two values swapped in the file", fault.Damaged, swapValues),
	{"power cut before a commit: nothing of it", powerCutBefore},
	{"power cut after a commit: all of it", powerCutAfter},
}}

// noteName names one of Alice's notes. The file shows its number, and which values form a collection.
func noteName(number uint64) store.Name { return store.Name{Room: "demo/note", Seq: number} }

func (s *scene) backend() store.Backend { return boltstore.New(filepath.Join(s.dir, aliceStoreFile)) }

// withStore opens Alice's store in b.
func (s *scene) withStore(ctx context.Context, b store.Backend, f func(*store.DB) error) error {
	db, err := store.Open(ctx, b, s.root, deviceSchema)
	if err != nil {
		return err
	}
	defer db.Destroy()
	return f(db)
}

// writeNotes writes both notes in one operation.
func (s *scene) writeNotes(ctx context.Context, b store.Backend, first, second []byte) error {
	return s.withStore(ctx, b, func(db *store.DB) error {
		return db.Update(ctx, func(tx *store.Tx) error {
			tx.Put(noteName(1), first)
			tx.Put(noteName(2), second)
			return nil
		})
	})
}

// checkNotes reads both notes.
func (s *scene) checkNotes(ctx context.Context, first, second []byte) error {
	return s.withStore(ctx, s.backend(), func(db *store.DB) error {
		return db.View(ctx, func(tx *store.Tx) error {
			for number, want := range map[uint64][]byte{1: first, 2: second} {
				got, found, err := tx.Get(noteName(number))
				if err != nil {
					return err
				}
				if !found || !bytes.Equal(got, want) {
					return fmt.Errorf("value %d is not the one that was kept", number)
				}
			}
			return nil
		})
	})
}

func makeStore(ctx context.Context, s *scene) (string, error) {
	box, err := s.load(aliceBoxFile)
	if err != nil {
		return "", err
	}
	err = s.withStore(ctx, s.backend(), func(db *store.DB) error {
		return db.Update(ctx, func(tx *store.Tx) error {
			tx.SetHeader(box)
			return nil
		})
	})
	if err != nil {
		return "", err
	}
	return aliceStoreFile, s.writeNotes(ctx, s.backend(), message, nextMessage)
}

// reopenStore has nothing but the file and the password.
func reopenStore(ctx context.Context, s *scene) (string, error) {
	s.root.Destroy()
	box, found, err := store.Header(ctx, s.backend())
	if err != nil {
		return "", err
	}
	if !found {
		return "", errors.New("the store has lost its header")
	}
	secret := lockbox.Password(newPassword, demoParams)
	defer secret.Destroy()
	if s.root, err = rootIn(ctx, box, secret); err != nil {
		return "", err
	}
	return "2 values, equal", s.checkNotes(ctx, message, nextMessage)
}

// swapValues lets each of the two stand under the other one's name while they are read.
func swapValues(ctx context.Context, s *scene) error {
	entries, err := s.backend().Scan(ctx, nil, nil, 100)
	if err != nil {
		return err
	}
	var notes []store.Entry
	for _, e := range entries {
		if len(e.Key) > 8 && binary.BigEndian.Uint64(e.Key[len(e.Key)-8:]) == uint64(len(notes)+1) {
			notes = append(notes, e)
		}
	}
	if len(notes) != 2 {
		return fmt.Errorf("%d values look like notes", len(notes))
	}
	swapped := []store.Entry{{Key: notes[0].Key, Value: notes[1].Value}, {Key: notes[1].Key, Value: notes[0].Value}}
	if err := s.overwrite(ctx, swapped); err != nil {
		return err
	}
	refused := s.checkNotes(ctx, message, nextMessage)
	if err := s.overwrite(ctx, notes); err != nil {
		return err
	}
	return refused
}

// overwrite writes to the file as somebody does who has no key.
func (s *scene) overwrite(ctx context.Context, entries []store.Entry) error {
	n, err := s.backend().Generation(ctx)
	if err != nil {
		return err
	}
	return s.backend().Commit(ctx, store.Batch{Base: n, Put: entries})
}

// powerCut is a storage whose power goes at the commit: before it, or when it is durable and nobody was told.
type powerCut struct {
	store.Backend
	after bool
}

func (p powerCut) Commit(ctx context.Context, b store.Batch) error {
	if p.after {
		if err := p.Backend.Commit(ctx, b); err != nil {
			return err
		}
	}
	return fmt.Errorf("power cut: %w", fault.StoreFailed)
}

func powerCutBefore(ctx context.Context, s *scene) (string, error) {
	return s.cutPower(ctx, false, message, nextMessage)
}

func powerCutAfter(ctx context.Context, s *scene) (string, error) {
	return s.cutPower(ctx, true, nextMessage, message)
}

// cutPower writes the notes the other way round, and checks what the store then holds.
func (s *scene) cutPower(ctx context.Context, after bool, first, second []byte) (string, error) {
	err := s.writeNotes(ctx, powerCut{s.backend(), after}, nextMessage, message)
	if fault.Of(err) != fault.StoreFailed {
		return "", fmt.Errorf("the power was cut, and the answer is: %v", err)
	}
	return fault.StoreFailed.Name() + ", then 2 values of 2", s.checkNotes(ctx, first, second)
}
