// Command password changes the password of an account: the channel key is sealed anew, the content stays as it is. The
// order of the writes is such that at every moment one of the two passwords works.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
	"github.com/sottokit/sotto/mk"
)

var place = []byte("channel 7") // says where the wrapped key belongs

func main() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sotto-password-")
	check(err)
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "account") // the IV, then the wrapped channel key: one is of no use without the other

	// Sign-up, some time ago.
	oldIV := make([]byte, mk.Size)
	rand.Read(oldIV)
	oldMaster := login(ctx, "correct horse", oldIV)
	channel := kek.Generate()
	wrapped, err := channel.Wrap(oldMaster, place)
	check(err)
	check(os.WriteFile(file, append(oldIV, wrapped...), 0o600))

	// The change: a new IV and the new password make a new master key. The ring opens with either, seals with the new one.
	iv := make([]byte, mk.Size)
	rand.Read(iv)
	master := login(ctx, "battery staple", iv)
	ring, err := mk.NewRing(master, oldMaster)
	check(err)
	renewed := ring.Rewrap(ctx, []mk.Wrapped{{Key: wrapped, AAD: kek.AAD(place)}})
	check(renewed[0].Err) // each key has its own: go on when there is none

	// In this order: up to 3 the old password works, from there on the new one.
	check(os.WriteFile(file+".new", append(iv, renewed[0].Key...), 0o600)) // 1. write the new beside the old
	_, err = open(master, file+".new")                                     // 2. read it back: it must open
	check(err)
	check(os.Rename(file+".new", file)) // 3. switch, IV and wrapped key in one step
	oldMaster.Destroy()                 // 4. only now

	// Who kept a copy of the old file still opens that with the old password. If it was stolen, rotate the channel key too.
	opened, err := open(master, file)
	check(err)
	fmt.Println("new password opens the same channel key:", opened.Equal(channel))
	_, err = open(login(ctx, "correct horse", iv), file)
	fmt.Println("old password:", fault.Of(err).Name())
}

func open(master *mk.Key, file string) (*kek.Key, error) {
	stored, err := os.ReadFile(file)
	check(err)
	return kek.Unwrap(master, stored[mk.Size:], place)
}

func login(ctx context.Context, password string, iv []byte) *mk.Key {
	s, err := mk.Stretch(ctx, []byte(password), []byte("user 4711"), mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1})
	check(err)
	defer s.Destroy()
	key, err := s.KeyI(iv)
	check(err)
	return key
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
