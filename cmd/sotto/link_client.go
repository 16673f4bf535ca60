package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/sottokit/sotto/fault"
)

// relayClient is a carrier through a relay (link relay) on this machine.
type relayClient struct {
	url  string
	http *http.Client
}

// newRelayClient takes the URL that a relay printed.
func newRelayClient(text string) (*relayClient, error) {
	u, err := url.Parse(text)
	if err == nil && u.Scheme == "http" && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.User == nil {
		if address, err := netip.ParseAddrPort(u.Host); err == nil && address.Addr().IsLoopback() {
			// No proxy, no redirects, and no other connections than these: they end with the client.
			stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			return &relayClient{"http://" + u.Host, &http.Client{Transport: &http.Transport{}, CheckRedirect: stay}}, nil
		}
	}
	return nil, fmt.Errorf("--relay takes the URL that link relay printed, http://127.0.0.1:8080 for example: %w", errUsage)
}

func (c *relayClient) nameplate(ctx context.Context) (string, error) {
	b, err := c.do(ctx, http.MethodPost, "/nameplates", nil)
	return string(b), err
}

func (c *relayClient) post(ctx context.Context, box string, message []byte) error {
	_, err := c.do(ctx, http.MethodPost, "/boxes/"+box, message)
	return err
}

func (c *relayClient) get(ctx context.Context, box string, n int) ([]byte, error) {
	return c.do(ctx, http.MethodGet, fmt.Sprintf("/boxes/%s/%d", box, n), nil)
}

// do makes a request and returns the body of the answer, nil when it has none.
func (c *relayClient) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", fault.Canceled, ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNoContent:
		return nil, nil
	case http.StatusOK:
		return readMessage(resp.Body)
	}
	return nil, fmt.Errorf("the relay answered %s %s with status %d", method, path, resp.StatusCode)
}
