package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sottokit/sotto/store"
)

// counting counts the calls that read.
type counting struct {
	store.Backend
	calls int
}

func (c *counting) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	c.calls++
	return c.Backend.Get(ctx, key)
}

func (c *counting) Scan(ctx context.Context, prefix, after []byte, limit int) ([]store.Entry, error) {
	c.calls++
	return c.Backend.Scan(ctx, prefix, after, limit)
}

// An app starts by opening its store and showing its conversations; what lies in them is read when one is opened.
func TestOpeningAThousandConversationsDoesNotTouchTheirHistory(t *testing.T) {
	const conversations = 1000
	calls := func(messages int) int {
		b := store.Memory()
		update(t, open(t, b), func(tx *store.Tx) error {
			for i := range uint64(conversations) {
				name := fmt.Sprint("conversation ", i)
				tx.Put(store.Name{Room: "test/index", Seq: i}, []byte(name))
				tx.Put(store.Name{Room: "test/last", Parts: [][]byte{[]byte(name)}}, []byte("last message"))
				for j := range messages {
					tx.Put(store.Name{Room: "test/message", Parts: [][]byte{[]byte(name)}, Seq: uint64(j)}, []byte("message"))
				}
			}
			return nil
		})
		c := &counting{Backend: b}
		shown := 0
		err := open(t, c).View(t.Context(), func(tx *store.Tx) error {
			return tx.Range(store.Name{Room: "test/index"}, func(_ uint64, name []byte) error {
				shown++
				_, _, err := tx.Get(store.Name{Room: "test/last", Parts: [][]byte{name}})
				return err
			})
		})
		if err != nil || shown != conversations {
			t.Fatalf("%d conversations, %v", shown, err)
		}
		return c.calls
	}
	short, long := calls(0), calls(20)
	if short != long || short > conversations+conversations/32+3 {
		t.Errorf("%d calls without history, %d with", short, long)
	}
}
