package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"sync"
	"testing"
)

// watcher stands before a relay and keeps everything that the relay gets to see, says, and writes to its database.
type watcher struct {
	t        testing.TB
	relay    func() http.Handler
	database string

	mu   sync.Mutex
	last []byte // the database, as it was after the request before
	seen map[string][][]byte
}

// What a watcher keeps, by where it was seen.
const (
	inRequests  = "a request"
	inResponses = "a response"
	inDatabase  = "the database"
)

func (w *watcher) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	request, err := httputil.DumpRequest(r, true)
	if err != nil {
		w.t.Error(err)
	}
	answer := httptest.NewRecorder()
	w.relay().ServeHTTP(answer, r)
	response, err := httputil.DumpResponse(answer.Result(), true)
	if err != nil {
		w.t.Error(err)
	}
	w.keep(request, response)
	for name, values := range answer.Header() {
		to.Header()[name] = values
	}
	to.WriteHeader(answer.Code)
	_, _ = to.Write(answer.Body.Bytes())
}

// keep keeps a request and its response, and every page of the database that they changed. What one commit wrote is whole in
// the file until the next commit.
func (w *watcher) keep(request, response []byte) {
	const page, most = 4096, len("16 bytes in hexadecimal of a secret") // a piece may lie across two pages
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[inRequests] = append(w.seen[inRequests], request)
	w.seen[inResponses] = append(w.seen[inResponses], response)
	now, err := os.ReadFile(w.database)
	if err != nil {
		w.t.Error(err)
	}
	for at := 0; at < len(now); at += page {
		if end := min(at+page, len(now)); end > len(w.last) || !bytes.Equal(now[at:end], w.last[at:end]) {
			w.seen[inDatabase] = append(w.seen[inDatabase], now[max(0, at-most):min(end+most, len(now))])
		}
	}
	w.last = now
}

// find looks for pieces of 8 bytes of secrets: as they are, in hexadecimal, and in base64. It returns where it found which.
func (w *watcher) find(secrets map[string][]byte) (found map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pieces := map[string]string{}
	add := func(name string, form []byte, size int) {
		for i := 0; i+size <= len(form); i++ {
			pieces[string(form[i:i+size])] = name
		}
	}
	for name, secret := range secrets {
		add(name, secret, 8)
		add(name, hex.AppendEncode(nil, secret), 16)
		for skip := range min(3, len(secret)) { // base64 takes three bytes at a time
			add(name, base64.StdEncoding.AppendEncode(nil, secret[skip:]), 12)
			add(name, base64.URLEncoding.AppendEncode(nil, secret[skip:]), 12)
		}
	}
	found = map[string]string{}
	for place, all := range w.seen {
		for _, b := range all {
			for i := range b {
				for _, size := range []int{8, 12, 16} {
					if i+size > len(b) {
						continue
					}
					if name, hit := pieces[string(b[i:i+size])]; hit {
						found[place] = name
					}
				}
			}
		}
	}
	return found
}
