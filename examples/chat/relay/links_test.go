package relay_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// stranger is a client without an account.
func stranger(url string) *relay.Client { return relay.NewClient(url, name, nil, &http.Client{}) }

func TestBoxesKeepTheirOrder(t *testing.T) {
	url := serve(t)
	c, other := stranger(url), stranger(url)
	to, from := c.LinkBox([16]byte{1}, "old-to-new"), other.LinkBox([16]byte{1}, "old-to-new")
	if item, err := from.Next(t.Context(), 0); item != nil || err != nil {
		t.Errorf("in an empty box %x, %v", item, err)
	}
	for i := range byte(16) {
		must(t, to.Put(t.Context(), []byte{i}))
	}
	wantFault(t, to.Put(t.Context(), []byte("more")), fault.OverLimit)
	for i := range byte(16) {
		if item, err := from.Next(t.Context(), 0); err != nil || !bytes.Equal(item, []byte{i}) {
			t.Errorf("item %d is %x, %v", i, item, err)
		}
	}
	if item, err := other.LinkBox([16]byte{1}, "new-to-old").Next(t.Context(), 0); item != nil || err != nil {
		t.Errorf("in the other direction %x, %v", item, err)
	}
}

func TestBoxAnswersWhenSomethingComes(t *testing.T) {
	url := serve(t)
	c := stranger(url)
	nameplate, err := c.Nameplate(t.Context())
	must(t, err)
	got := make(chan string)
	go func() {
		item, _ := stranger(url).NameplateBox(nameplate).Next(t.Context(), time.Minute)
		got <- string(item)
	}()
	must(t, c.NameplateBox(nameplate).Put(t.Context(), []byte("first")))
	if item := <-got; item != "first" {
		t.Errorf("got %q", item)
	}
}

func TestNameplatesDiffer(t *testing.T) {
	c := stranger(serve(t))
	seen := map[string]bool{}
	for range 20 {
		nameplate, err := c.Nameplate(t.Context())
		must(t, err)
		if seen[nameplate] || len(nameplate) != 6 || strings.Trim(nameplate, "0123456789") != "" {
			t.Errorf("nameplate %q", nameplate)
		}
		seen[nameplate] = true
	}
}

func TestBoxesAreLimited(t *testing.T) {
	c := stranger(serve(t))
	box := c.NameplateBox("1234")
	must(t, box.Put(t.Context(), make([]byte, link.MaxMessage)))
	wantFault(t, box.Put(t.Context(), make([]byte, link.MaxMessage+1)), fault.OverLimit)
	wantFault(t, c.NameplateBox(strings.Repeat("1", 64)).Put(t.Context(), nil), fault.OverLimit)
	for i := range 1100 {
		if err := c.LinkBox([16]byte{byte(i), byte(i >> 8)}, "x").Put(t.Context(), nil); err != nil {
			wantFault(t, err, fault.OverLimit)
			_, err := c.Nameplate(t.Context())
			wantFault(t, err, fault.OverLimit)
			return
		}
	}
	t.Error("there is room for ever more boxes")
}
