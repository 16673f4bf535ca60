package group

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/groupentry"
)

// decide returns what an entry on top of these members changes, or why it may not. A Create is for no members.
func (r *roll) decide(e *groupentry.Entry) ([]change, error) {
	if e.Op == groupentry.Create {
		return []change{{after: &Member{*e.User, *e.Root, RoleOwner}}}, nil
	}
	if len(r.members) == 0 {
		return nil, fmt.Errorf("the group has ended: %w", fault.Expired)
	}
	actor := r.find(e.Actor)
	if actor == nil {
		return nil, fmt.Errorf("actor is no member: %w", fault.UntrustedSigner)
	}
	switch e.Op {
	case groupentry.Add:
		return r.add(e, actor)
	case groupentry.Remove:
		return r.remove(e, actor)
	}
	if actor.Role != RoleOwner {
		return nil, fmt.Errorf("actor is not the owner: %w", fault.UntrustedSigner)
	}
	if e.Op == groupentry.Resolve {
		return nil, nil // which entry it may name, the place of the entry says
	}
	target, err := r.target(e)
	if err != nil {
		return nil, err
	}
	if target.Role == RoleOwner {
		return nil, fmt.Errorf("target is the owner: %w", fault.Malformed)
	}
	before := *target
	after := before
	if e.Op == groupentry.Role {
		after.Role = Role(*e.Role)
		return []change{{&before, &after}}, nil
	}
	owner := *actor
	admin := owner
	after.Role, admin.Role = RoleOwner, RoleAdmin
	return []change{{&before, &after}, {&owner, &admin}}, nil
}

// target is the member whom an entry names, with the root that he is a member under.
func (r *roll) target(e *groupentry.Entry) (*Member, error) {
	m := r.find(*e.User)
	if m == nil || m.Root != *e.Root {
		return nil, fmt.Errorf("target is no member: %w", fault.Malformed)
	}
	return m, nil
}

func (r *roll) add(e *groupentry.Entry, actor *Member) ([]change, error) {
	switch {
	case actor.Role < RoleAdmin:
		return nil, fmt.Errorf("actor may not add members: %w", fault.UntrustedSigner)
	case r.find(*e.User) != nil: // under another root too: who was reset is removed first
		return nil, fmt.Errorf("target is a member: %w", fault.Malformed)
	case len(r.members) >= MaxMembers:
		return nil, fmt.Errorf("more than %d members: %w", MaxMembers, fault.OverLimit)
	}
	return []change{{after: &Member{*e.User, *e.Root, RoleMember}}}, nil
}

func (r *roll) remove(e *groupentry.Entry, actor *Member) ([]change, error) {
	target, err := r.target(e)
	if err != nil {
		return nil, err
	}
	self := target == actor
	switch {
	case self && actor.Role == RoleOwner:
		return r.end()
	case !self && actor.Role <= target.Role:
		return nil, fmt.Errorf("actor may not remove this member: %w", fault.UntrustedSigner)
	}
	before := *target
	return []change{{before: &before}}, nil
}

// end takes everybody out: the last manager leaves. While there is an admin, the group has another one, and the owner
// transfers it first.
func (r *roll) end() ([]change, error) {
	if r.hasAdmin() {
		return nil, fmt.Errorf("the owner may not leave while there is an admin: %w", fault.UntrustedSigner)
	}
	all := make([]change, len(r.members))
	for i := range all {
		m := r.members[i]
		all[i].before = &m
	}
	return all, nil
}
