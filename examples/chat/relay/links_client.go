package relay

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sottokit/sotto/fault"
)

// What follows needs no account: a device that joins has none. Only Answer does.

// Nameplate returns a number for a short code.
func (c *Client) Nameplate(ctx context.Context) (string, error) {
	b, err := c.do(ctx, http.MethodPost, "/links", nil, nil)
	return string(b), err
}

// Box is where one of two devices that link leaves messages for the other one.
type Box struct {
	client *Client
	name   string
	taken  uint64 // items that Next has returned
}

// NameplateBox is the box that a nameplate leads to.
func (c *Client) NameplateBox(nameplate string) *Box {
	return &Box{client: c, name: nameplateBox(nameplate)}
}

// LinkBox is the box of a direction between two devices, which have agreed on a rendezvous.
func (c *Client) LinkBox(rendezvous [16]byte, direction string) *Box {
	return &Box{client: c, name: fmt.Sprintf("%x-%s", rendezvous, direction)}
}

// Put leaves an item.
func (b *Box) Put(ctx context.Context, item []byte) error {
	_, err := b.client.do(ctx, http.MethodPost, "/boxes/"+b.name, nil, item)
	return err
}

// Next returns the next item, nil when there is none within wait, in whole seconds.
func (b *Box) Next(ctx context.Context, wait time.Duration) ([]byte, error) {
	items, err := b.client.list(ctx, "/boxes/"+b.name, url.Values{
		"from": {strconv.FormatUint(b.taken, 10)}, "wait": {strconv.FormatInt(int64(wait/time.Second), 10)},
	})
	if err != nil || len(items) == 0 {
		return nil, err
	}
	b.taken++
	return items[0], nil
}

// Challenge returns a nonce that a device of a user has to sign.
func (c *Client) Challenge(ctx context.Context, user string) (nonce [32]byte, err error) {
	b, err := c.do(ctx, http.MethodPost, "/challenges/"+url.PathEscape(user), nil, nil)
	if err != nil {
		return nonce, err
	}
	if len(b) != len(nonce) {
		return nonce, fmt.Errorf("relay: nonce of %d bytes: %w", len(b), fault.Malformed)
	}
	return [32]byte(b), nil
}

// Answer answers a challenge for this device, and returns the registration that the server has taken.
func (c *Client) Answer(ctx context.Context, nonce [32]byte) (registration []byte, err error) {
	if registration, err = c.account.Register(ctx, c.name, nonce); err != nil {
		return nil, err
	}
	token, err := c.do(ctx, http.MethodPost, "/tokens", url.Values{"nonce": {hex.EncodeToString(nonce[:])}}, registration)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = string(token)
	return registration, nil
}
