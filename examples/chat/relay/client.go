package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// Refusal is what a server answers that does not do what it is asked.
type Refusal struct{ Code fault.Code }

// Error implements error.
func (r *Refusal) Error() string { return "relay: the server refuses: " + r.Code.Error() }

// Unwrap returns the code.
func (r *Refusal) Unwrap() error { return r.Code }

// Client talks to a Server for one device. It is safe for concurrent use. What the server does not do is a *Refusal, what
// this device cannot do has another fault.Code; an error without one is about the network: the same call may succeed later.
type Client struct {
	url     string
	name    string
	http    *http.Client
	account *sotto.Account

	mu    sync.Mutex
	token string
}

// NewClient returns a client of the server at a URL, which must call itself name: a device answers no other. It does no I/O.
// Without an account, which is nil, it is good for links and logs.
func NewClient(url, name string, account *sotto.Account, h *http.Client) *Client {
	return &Client{url: strings.TrimSuffix(url, "/"), name: name, account: account, http: h}
}

// Log returns the entries of a user's log from a place on.
func (c *Client) Log(ctx context.Context, user string, from uint64) ([][]byte, error) {
	var log [][]byte
	for {
		query := url.Values{"from": {strconv.FormatUint(from+uint64(len(log)), 10)}}
		page, err := c.list(ctx, "/logs/"+url.PathEscape(user), query)
		if err != nil {
			return nil, err
		}
		if log = append(log, page...); len(page) < maxPage {
			return log, nil
		}
	}
}

// Append offers an entry of the own log.
func (c *Client) Append(ctx context.Context, entry []byte) error {
	_, err := c.do(ctx, http.MethodPost, "/logs/"+url.PathEscape(c.account.User()), nil, entry)
	return err
}

// Keys returns the newest device-keys of a user's devices.
func (c *Client) Keys(ctx context.Context, user string) ([][]byte, error) {
	return c.list(ctx, "/keys/"+url.PathEscape(user), nil)
}

// PutKey offers the newest device-key of this device.
func (c *Client) PutKey(ctx context.Context, key []byte) error {
	_, err := c.do(ctx, http.MethodPost, "/keys/"+url.PathEscape(c.account.User()), nil, key)
	return err
}

// Group returns the entries of a group from a place on, and those that count no more.
func (c *Client) Group(ctx context.Context, id device.Hash, from uint64) ([][]byte, error) {
	query := url.Values{"from": {strconv.FormatUint(from, 10)}}
	b, err := c.registered(ctx, http.MethodGet, "/groups/"+id.String(), query, nil)
	if err != nil {
		return nil, err
	}
	return frames(b)
}

// AppendGroup offers an entry of a group.
func (c *Client) AppendGroup(ctx context.Context, entry []byte) error {
	_, err := c.do(ctx, http.MethodPost, "/groups", nil, entry)
	return err
}

// Post sends something to devices and returns those that have it.
func (c *Client) Post(ctx context.Context, to []device.ID, data []byte) ([]device.ID, error) {
	names := make([]string, len(to))
	for i, id := range to {
		names[i] = id.String()
	}
	b, err := c.registered(ctx, http.MethodPost, "/mail", url.Values{"to": {strings.Join(names, ",")}}, data)
	if err != nil {
		return nil, err
	}
	var have []device.ID
	for ; len(b) >= len(device.ID{}); b = b[len(device.ID{}):] {
		have = append(have, device.ID(b[:len(device.ID{})]))
	}
	return have, nil
}

// Item is something in the queue of this device.
type Item struct {
	Number uint64
	From   device.ID // who put it there, as the server says
	Data   []byte
}

// Mail returns the next items behind a number, none when there are none within wait, in whole seconds.
func (c *Client) Mail(ctx context.Context, after uint64, wait time.Duration) ([]Item, error) {
	b, err := c.registered(ctx, http.MethodGet, "/mail", url.Values{
		"after": {strconv.FormatUint(after, 10)}, "wait": {strconv.FormatInt(int64(wait/time.Second), 10)},
	}, nil)
	if err != nil {
		return nil, err
	}
	list, err := frames(b)
	if err != nil {
		return nil, err
	}
	items := make([]Item, len(list))
	for i, f := range list {
		if len(f) < 8+senderBytes {
			return nil, fmt.Errorf("relay: item %d of %d bytes: %w", i, len(f), fault.Malformed)
		}
		items[i] = Item{binary.BigEndian.Uint64(f), device.ID(f[8 : 8+senderBytes]), f[8+senderBytes:]}
	}
	return items, nil
}

// Ack lets the server forget the items up to a number.
func (c *Client) Ack(ctx context.Context, upto uint64) error {
	_, err := c.registered(ctx, http.MethodDelete, "/mail", url.Values{"upto": {strconv.FormatUint(upto, 10)}}, nil)
	return err
}

// registered makes a request with the token of this device. Without one that the server knows the device registers first.
func (c *Client) registered(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	b, err := c.do(ctx, method, path, query, body)
	if !errors.Is(err, fault.Expired) {
		return b, err
	}
	if err := c.register(ctx); err != nil {
		return nil, err
	}
	return c.do(ctx, method, path, query, body)
}

func (c *Client) register(ctx context.Context) error {
	nonce, err := c.Challenge(ctx, c.account.User())
	if err == nil {
		_, err = c.Answer(ctx, nonce)
	}
	return err
}

func (c *Client) list(ctx context.Context, path string, query url.Values) ([][]byte, error) {
	b, err := c.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, err
	}
	return frames(b)
}

// maxResponse bounds what a server may answer: a page of entries, or of items and one more.
const maxResponse = maxAnswer + sotto.MaxInput + 1<<20

// do makes one request.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	c.mu.Lock()
	r.Header.Set("Authorization", "Bearer "+c.token)
	c.mu.Unlock()
	response, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	if len(b) > maxResponse {
		return nil, fmt.Errorf("relay: response over %d bytes: %w", maxResponse, fault.OverLimit)
	}
	if response.StatusCode == http.StatusOK {
		return b, nil
	}
	code, err := strconv.Atoi(response.Header.Get(faultHeader))
	if err != nil || code <= 0 || code > len(fault.Codes()) {
		return nil, fmt.Errorf("relay: the server answers %q", response.Status)
	}
	return nil, &Refusal{fault.Code(code)}
}
