//go:build !js && !wasip1

package sotto_test

import (
	"path/filepath"
	"testing"

	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

// BenchmarkReceiveBolt receives batches of 100 into a file, and acknowledges them: two commits, each waits for the disk.
func BenchmarkReceiveBolt(b *testing.B) {
	benchmarkReceive(b, 100, func(p *sottotest.Peer) store.Backend {
		file := boltstore.New(filepath.Join(b.TempDir(), "store"))
		if err := file.Commit(background, store.Batch{Put: must(p.Backend.Scan(background, nil, nil, 1<<20))}); err != nil {
			b.Fatal(err)
		}
		return file
	})
}
