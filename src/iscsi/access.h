/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access lists: who may use a target, discovery or a portal, and how. Made once,
 * then constant and read by all reactors. Rules are tried in order; the first
 * whose conditions hold decides, and where none does nobody comes in.
 */
#ifndef PINION_ISCSI_ACCESS_H
#define PINION_ISCSI_ACCESS_H

#include "base/ip.h"
#include "base/list.h"
#include "iscsi/chap.h"
#include "iscsi/iscsi.h"

/* Who asks. */
struct access_subject {
	const char *initiator;	/* name in normal form */
	const struct ip *ip;	/* NULL: none that is known, which is in no network */
	uint16_t group;		/* of the portal it came to */
};

/* Names that match any of the patterns, addresses that lie in any of the networks. */
struct access_who {
	char **initiators;	/* patterns, in lower case; none: everybody */
	unsigned initiator_count;
	struct ip_network *networks;	/* none: from everywhere */
	unsigned network_count;
	struct chap_account *accounts;	/* that are asked for; none: nothing is */
	unsigned account_count;
};

struct access_rule {
	struct access_who who;
	struct access_who *groups;	/* one of them must match too, unless there is none */
	unsigned group_count;
	uint16_t *portal_groups;	/* none: by every portal */
	unsigned portal_group_count;
	bool deny;
	bool has_mutual;
	struct chap_account mutual;	/* ours, to prove who we are */
	struct scsi_lun_view *view;	/* NULL: all */
};

struct iscsi_access {
	struct list_node link;		/* of the node, which owns it */
	unsigned count;
	struct access_rule rules[];
};

void access_destroy(struct iscsi_access *access);

/* Whether TEXT is as PATTERN says: '*' is any characters, '?' any one. */
bool access_glob(const char *pattern, const char *text);

/* The rule that decides about SUBJECT; NULL, or one that denies, when it may not. */
const struct access_rule *access_find(const struct iscsi_access *access,
				      const struct access_subject *subject);

/* Whether ACCESS lets SUBJECT in (with the right account). NULL: it lets everybody. */
bool access_admits(const struct iscsi_access *access, const struct access_subject *subject);

/* Whether an initiator that meets RULE must prove to be one of its accounts. */
bool access_wants_account(const struct access_rule *rule, const struct access_subject *subject);

/*
 * The account NAME with which SUBJECT may come in, and in *RULE the rule that says
 * so. That is the first one that decides, or one behind it that would decide if those
 * before were not there: so one initiator may have several accounts with different
 * rights. A rule that denies or asks for no account ends the search. NULL: none.
 */
const struct chap_account *access_find_account(const struct iscsi_access *access,
					       const struct access_subject *subject,
					       const char *name, const struct access_rule **rule);

/*
 * Whether somebody from IP (NULL: unknown) could be let in by his address and the portal
 * group, as far as can be said before his name is known.
 */
bool access_may_come(const struct iscsi_access *access, const struct ip *ip, uint16_t group);

/* Whether there is anybody whom it could let in by portals of GROUP. */
bool access_opens(const struct iscsi_access *access, uint16_t group);

#endif
