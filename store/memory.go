package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sottokit/sotto/fault"
)

// Memory returns an empty Backend in memory, for tests and for state that dies with the process.
func Memory() Backend { return &memory{values: map[string][]byte{}} }

type memory struct {
	mu         sync.RWMutex
	generation uint64
	values     map[string][]byte
	keys       []string // of values, ascending
}

func (m *memory) Generation(ctx context.Context) (uint64, error) {
	if err := canceled(ctx); err != nil {
		return 0, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.generation, nil
}

func (m *memory) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	if err := canceled(ctx); err != nil {
		return nil, false, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	value, found := m.values[string(key)]
	return bytes.Clone(value), found, nil
}

func (m *memory) Scan(ctx context.Context, prefix, after []byte, limit int) ([]Entry, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	i, found := slices.BinarySearch(m.keys, max(string(prefix), string(after)))
	if found && after != nil && m.keys[i] == string(after) {
		i++
	}
	var entries []Entry
	for ; i < len(m.keys) && len(entries) < limit && strings.HasPrefix(m.keys[i], string(prefix)); i++ {
		entries = append(entries, Entry{Key: []byte(m.keys[i]), Value: bytes.Clone(m.values[m.keys[i]])})
	}
	return entries, nil
}

func (m *memory) Commit(ctx context.Context, b Batch) error {
	if err := canceled(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Base != m.generation {
		return fmt.Errorf("store: generation is %d, not %d: %w", m.generation, b.Base, fault.StoreConflict)
	}
	for _, e := range b.Put {
		key := string(e.Key)
		m.values[key] = bytes.Clone(e.Value)
		if i, found := slices.BinarySearch(m.keys, key); !found {
			m.keys = slices.Insert(m.keys, i, key)
		}
	}
	for _, k := range b.Delete {
		key := string(k)
		delete(m.values, key)
		if i, found := slices.BinarySearch(m.keys, key); found {
			m.keys = slices.Delete(m.keys, i, i+1)
		}
	}
	m.generation++
	return nil
}
