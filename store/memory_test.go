package store_test

import (
	"testing"

	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/storetest"
)

func TestMemoryKeepsTheContractOfBackend(t *testing.T) {
	storetest.Test(t, func(*testing.T) func() store.Backend {
		b := store.Memory()
		return func() store.Backend { return b }
	})
}
