//go:build !js && !wasip1

package boltstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

const (
	operations = 500 // of each process
	secondPath = "SOTTO_TEST_BOLTSTORE"
)

// An app and its notification extension write to one file at the same time.
func TestTwoProcessesShareAFile(t *testing.T) {
	if path := os.Getenv(secondPath); path != "" { // this is the second process
		if err := work(path, 2); err != nil {
			t.Fatal(err)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "store")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	second := exec.CommandContext(t.Context(), program, "-test.run=^TestTwoProcessesShareAFile$")
	second.Env = append(os.Environ(), secondPath+"="+path)
	second.Stdout, second.Stderr = &output, &output
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	first := work(path, 1)
	if err := second.Wait(); err != nil {
		t.Errorf("second process: %v\n%s", err, &output)
	}
	if first != nil {
		t.Fatal(first)
	}

	db, err := openDB(path)
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(t.Context(), func(tx *store.Tx) error {
		for seq, n := range []uint64{2 * operations, operations, operations} {
			have, err := counter(tx, uint64(seq))
			if err != nil || have != n {
				t.Errorf("counter %d is %d, want %d, %v", seq, have, n, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := boltstore.New(path).Generation(t.Context())
	if err != nil || n != 2*operations {
		t.Errorf("%d commits, %v", n, err)
	}
}

// work counts up counter own and the shared counter 0, both in each operation.
func work(path string, own uint64) error {
	db, err := openDB(path)
	if err != nil {
		return err
	}
	for i := range operations {
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			for _, seq := range []uint64{0, own} {
				n, err := counter(tx, seq)
				if err != nil {
					return err
				}
				tx.Put(counterName(seq), binary.BigEndian.AppendUint64(nil, n+1))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("operation %d of process %d: %w", i, own, err)
		}
	}
	return nil
}

func openDB(path string) (*store.DB, error) {
	root, err := cose.NewKey(cose.A256GCM, make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return store.Open(context.Background(), boltstore.New(path), root, store.Schema{Version: 1})
}

func counterName(seq uint64) store.Name { return store.Name{Room: "test/counter", Seq: seq} }

func counter(tx *store.Tx, seq uint64) (uint64, error) {
	b, found, err := tx.Get(counterName(seq))
	if err != nil || !found {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}
