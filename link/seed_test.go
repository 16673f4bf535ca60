package link_test

import (
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

func TestNoSeedIsMisuse(t *testing.T) {
	_, err := link.OfferFrom(nil, nil, link.Choice{}, start)
	wantFault(t, err, fault.Misuse)
	_, err = link.OfferCodeFrom(nil, "4711", nil, link.Choice{}, start)
	wantFault(t, err, fault.Misuse)
	_, err = link.ScanFrom(nil, nil, start)
	wantFault(t, err, fault.Misuse)
	_, err = link.EnterFrom(nil, "", start)
	wantFault(t, err, fault.Misuse)
}
