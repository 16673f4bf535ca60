package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
	"github.com/sottokit/sotto/mk"
)

// What the people of the demo know or say in public. A real password is typed, never written down in a program.
var (
	password    = []byte("a password that only this demo uses")
	newPassword = []byte("another one, which nobody has seen yet")
	aliceID     = []byte("alice@example.org")
	message     = []byte("Meet me at the old bridge at nine.")
	nextMessage = []byte("Now that it is only me: at ten.")

	channel   = kek.Channel{ID: []byte("bridge"), Epoch: 1}
	nextEpoch = kek.Channel{ID: channel.ID, Epoch: 2}

	// The places of wrapped keys name the epoch that a key was made in: an older key cannot pass for the present one.
	kekAAD     = []byte("channel bridge, epoch 1")
	nextKEKAAD = []byte("channel bridge, epoch 2")
	otherAAD   = []byte("channel river, epoch 1")
	dekAAD     = []byte("channel bridge, content key of epoch 1")
	nextDEKAAD = []byte("channel bridge, content key of epoch 2")

	messageAAD     = []byte("channel bridge, message 1")
	nextMessageAAD = []byte("channel bridge, message 2")
	fileAAD        = []byte("channel bridge, file 1")

	demoParams  = defaultParams
	madeContent = []byte("One line of a file that the demo makes.\n")
)

// Files of the demo.
const (
	kekFile     = "channel.kek"
	dekFile     = "content.dek"
	messageFile = "message.sealed"
	fileFile    = "file.sealed"
	requestFile = "bob.request"
	grantFile   = "bob.grant"
	sourceFile  = "file"

	newKEKFile = kekFile + ".new" // beside the old one, until it is known to open

	nextKEKFile     = "channel-2.kek"
	movedDEKFile    = "content-under-2.dek" // the content key of epoch 1, under the channel key of epoch 2
	nextDEKFile     = "content-2.dek"
	nextMessageFile = "message-2.sealed"

	aliceBoxFile   = "alice.lockbox"
	aliceStoreFile = "alice.db"
	aliceLogFile   = "alice.log"
)

// scene is what the steps of the demo share.
type scene struct {
	dir    string // of all files, temporary
	source string // the file to seal

	iv    []byte // kept by a service, given to Alice when she has logged in
	oldIV []byte // before the change of password

	stretched   *mk.Stretched
	master      *mk.Key
	newMaster   *mk.Key // while the password is being changed
	channel     *kek.Key
	content     *dek.Key
	nextContent *dek.Key // after Bob

	alice, bob *cose.Signer // their identities; who believes whom is settled before the demo starts
	bobX25519  *ecdh.PrivateKey
	bobChannel *kek.Key // what Bob holds
	bobContent *dek.Key

	root   *cose.Key // of Alice's lockbox
	paper  []byte    // her recovery key as she wrote it down
	oldBox []byte    // a copy of the lockbox from before the change of password

	phone, laptop, newPhone *device.Keys
	bobsView                *device.Log // of Alice's log
	thiefsLog               [][]byte    // the branch that the thief of the laptop made

	net                               *network
	alicePhone, aliceLaptop, bobPhone *peer
	unread                            []sotto.Parcel // what Bob sealed after the phone was lost
	bobCopy                           []byte         // of the file of Bob's phone

	club *club // of the acts about a group
	home *home // of the acts about devices that come and go
}

// newScene looks at the file to seal, or makes one when source is "".
func newScene(dir, source string) (*scene, error) {
	s := &scene{dir: dir, source: source, iv: newIV(), alice: cose.GenerateSigner(), bob: cose.GenerateSigner()}
	if source == "" {
		s.source = filepath.Join(dir, sourceFile)
		return s, os.WriteFile(s.source, bytes.Repeat(madeContent, 1000), 0o600)
	}
	info, err := os.Stat(source)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: %w", source, fault.Misuse)
	}
	if info.Size() > dek.MaxSeal {
		return nil, tooLarge(source)
	}
	return s, nil
}

func newIV() []byte {
	iv := make([]byte, mk.Size)
	rand.Read(iv)
	return iv
}

// plain reads the file to seal.
func (s *scene) plain() ([]byte, error) {
	f, err := os.Open(s.source)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, dek.MaxSeal+1))
	if err == nil && len(b) > dek.MaxSeal { // it grew since
		return nil, tooLarge(s.source)
	}
	return b, err
}

func tooLarge(name string) error {
	return fmt.Errorf("%s has more than %d bytes, which is what one seal takes: %w", name, dek.MaxSeal, fault.OverLimit)
}

// save writes a file of the demo and says how large it is.
func (s *scene) save(name string, b []byte) (string, error) {
	if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes in %s", len(b), name), nil
}

func (s *scene) load(name string) ([]byte, error) { return os.ReadFile(filepath.Join(s.dir, name)) }

// forget destroys every key in memory.
func (s *scene) forget() {
	s.stretched.Destroy()
	s.master.Destroy()
	s.channel.Destroy()
	s.content.Destroy()
}
