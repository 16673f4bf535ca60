package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// A carrier takes the messages of two devices that link. Whoever runs it may read, change, hold back and make them up: the
// protocol is made for that.
type carrier interface {
	// nameplate returns a number that nobody waits at.
	nameplate(ctx context.Context) (string, error)
	// post puts a message into a box, behind those that are there.
	post(ctx context.Context, box string, message []byte) error
	// get returns the message number n of a box, nil when it is not there yet.
	get(ctx context.Context, box string, n int) ([]byte, error)
}

// The boxes of a link. Those of a rendezvous belong to two devices who know it, the one of a nameplate to whoever is told the
// short code.
func nameplateBox(nameplate string) string { return "nameplate-" + nameplate }

func linkBox(rendezvous [16]byte, purpose string) string {
	return fmt.Sprintf("%x-%s", rendezvous, purpose)
}

const (
	oldToNew     = "old-to-new"
	newToOld     = "new-to-old"
	registration = "registration" // of the new device, to the server, whose part the approving side plays
	registered   = "registered"   // the server's answer
)

// maxPosts bounds the messages of a box. A link has at most four in one direction; the others are somebody else's.
const maxPosts = 16

// randomPlate is a number of four digits. It is no secret.
func randomPlate() string {
	var b [8]byte
	rand.Read(b[:])
	return fmt.Sprintf("%04d", binary.BigEndian.Uint64(b[:])%10_000)
}

var errNoPlate = errors.New("no free nameplate was found: try again, or use a QR code")

// folder is a carrier in a directory that both sides see: a file for each message.
type folder string

func (f folder) path(box string, n int) string {
	return filepath.Join(string(f), fmt.Sprintf("%s-%d", box, n))
}

func (f folder) nameplate(context.Context) (string, error) {
	for range maxPlates {
		plate := randomPlate()
		_, err := os.Lstat(f.path(nameplateBox(plate), 0))
		if errors.Is(err, fs.ErrNotExist) {
			return plate, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errNoPlate
}

const maxPlates = 100 // that are tried

// post writes beside the place of the message and renames: who waits for it never sees half of it.
func (f folder) post(_ context.Context, box string, message []byte) error {
	for n := range maxPosts {
		path := f.path(box, n)
		err := mustBeNew(path)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		return writeBeside(path, message)
	}
	return fmt.Errorf("%s has %d messages: %w", box, maxPosts, fault.OverLimit)
}

func (f folder) get(_ context.Context, box string, n int) ([]byte, error) {
	file, err := os.Open(f.path(box, n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readMessage(file)
}

// readMessage reads a message, however long who sent it says it is.
func readMessage(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, link.MaxMessage+1))
	if err == nil && len(b) > link.MaxMessage {
		err = fmt.Errorf("message of more than %d bytes: %w", link.MaxMessage, fault.OverLimit)
	}
	return b, err
}
