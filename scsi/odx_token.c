/* SPDX-License-Identifier: BSD-2-Clause */
/* The ROD tokens of a domain; see odx_token.h. Their format: SPC-5 section 5.19.6.5. */
#include "scsi/odx_token.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/clock.h"
#include "scsi/copy_domain.h"
#include "scsi/copy_list.h"
#include "scsi/lu.h"

/* INVALID TOKEN OPERATION, and which. */
enum {
	UNSUPPORTED_TOKEN_TYPE = 0x2301,
	TOKEN_UNKNOWN = 0x2304,
	TOKEN_CORRUPT = 0x2305,
	TOKEN_CANCELLED = 0x2308,
	TOKEN_EXPIRED = 0x2307,
	TOKEN_DELETED = 0x2309,
	INVALID_TOKEN_LENGTH = 0x230a,
};

/* Bytes of a token. */
enum {
	LENGTH_AT = 6,
	IDENTIFIER_AT = 8, /* COPY MANAGER ROD TOKEN IDENTIFIER */
	IDENTIFIER_LENGTH = 8,
	CREATOR_AT = 16, /* CREATOR LOGICAL UNIT DESCRIPTOR */
	REPRESENTED_AT = 48, /* NUMBER OF BYTES REPRESENTED, of 16 bytes */
	DEVICE_AT = 128, /* TARGET DEVICE DESCRIPTOR */
	DEVICE_LENGTH = 128,
	SECRET_AT = 256, /* EXTENDED ROD TOKEN DATA */
	SECRET_LENGTH = ODX_TOKEN_LENGTH - SECRET_AT,
	LENGTH_FIELD = ODX_TOKEN_LENGTH - 8,
};

static void put_creator(uint8_t *at, const struct scsi_lu *lu)
{
	at[0] = COPY_CSCD_IDENTIFICATION;
	at[4] = 0x01; /* binary */
	at[5] = 0x03; /* NAA, of the logical unit */
	at[7] = lu->naa_length;
	memcpy(at + 8, lu->naa, lu->naa_length);
	put_be32(at + 28, lu->block_size); /* below 2^24: the byte above stays 0 */
}

/*
 * A designator of the target device: its name; or, where that is too long, the number of the
 * logical unit, which stands for it.
 */
static void put_device(uint8_t *at, const struct scsi_lu *lu, const char *name)
{
	size_t length = align_up(strlen(name) + 1, 4);

	if (length > DEVICE_LENGTH - 4) {
		at[0] = 0x51; /* iSCSI, binary */
		at[1] = 0xa3; /* PIV, of the device, NAA */
		at[3] = lu->naa_length;
		memcpy(at + 4, lu->naa, lu->naa_length);
		return;
	}
	at[0] = 0x53; /* UTF-8 */
	at[1] = 0xa8; /* SCSI name string */
	at[3] = (uint8_t)length;
	memcpy(at + 4, name, strlen(name));
}

static int fill(struct odx_token *token, const char *device)
{
	uint8_t *bytes = token->bytes;

	put_be32(bytes, ODX_TYPE_CHANGE_VULNERABLE);
	put_be16(bytes + LENGTH_AT, LENGTH_FIELD);
	put_creator(bytes + CREATOR_AT, token->lu);
	put_be64(bytes + REPRESENTED_AT + 8, token->blocks << token->lu->block_shift);
	put_be32(bytes + 96, token->lu->block_size);
	put_device(bytes + DEVICE_AT, token->lu, device);
	if (getrandom(bytes + IDENTIFIER_AT, IDENTIFIER_LENGTH, 0) != IDENTIFIER_LENGTH ||
	    getrandom(bytes + SECRET_AT, SECRET_LENGTH, 0) != SECRET_LENGTH)
		return -ENOMEM;
	return 0;
}

static enum odx_state state_of(const struct odx_token *token)
{
	return (enum odx_state)atomic_load_explicit(&token->state, memory_order_relaxed);
}

/* With the domain's lock. */
static void invalidate(struct odx_token *token, enum odx_state state)
{
	if (state_of(token) != ODX_VALID)
		return;
	atomic_store_explicit(&token->state, state, memory_order_relaxed);
	atomic_fetch_sub_explicit(&token->lu->tokens, 1, memory_order_relaxed);
	/* Whoever invalidates changes the data behind this. */
	atomic_thread_fence(memory_order_seq_cst);
}

static void drop(struct scsi_copy_domain *domain, struct odx_token *token)
{
	invalidate(token, ODX_DELETED);
	list_remove(&token->link);
	domain->token_count--;
	free(token);
}

static bool has_expired(const struct odx_token *token, uint64_t now_ns)
{
	return token->users == 0 &&
	       now_ns > token->used_ns + (uint64_t)token->timeout_s * CLOCK_NS_PER_S;
}

static void expire(struct scsi_copy_domain *domain, uint64_t now_ns)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &domain->tokens) {
		struct odx_token *token = container_of(node, struct odx_token, link);

		if (has_expired(token, now_ns))
			invalidate(token, ODX_EXPIRED);
	}
}

/* Those that are good for nothing are remembered, so that one can say why, until others need the room. */
static bool make_room(struct scsi_copy_domain *domain)
{
	struct list_node *node, *next;

	LIST_FOR_EACH_SAFE(node, next, &domain->tokens) {
		struct odx_token *token = container_of(node, struct odx_token, link);

		if (domain->token_count < ODX_TOKENS_MAX)
			break;
		if (token->users == 0 && state_of(token) != ODX_VALID)
			drop(domain, token);
	}
	return domain->token_count < ODX_TOKENS_MAX;
}

static void set_ranges(struct odx_token *token, const struct odx_range *ranges, unsigned count)
{
	token->count = count;
	token->first = UINT64_MAX;
	memcpy(token->range, ranges, count * sizeof(*ranges));
	for (unsigned i = 0; i < count; i++) {
		token->first = min(token->first, ranges[i].lba);
		token->end = max(token->end, ranges[i].lba + ranges[i].blocks);
		token->blocks += ranges[i].blocks;
	}
}

int odx_token_create(const struct odx_order *order, uint64_t now_ns, uint8_t out[ODX_TOKEN_LENGTH])
{
	struct scsi_lu *lu = order->lu;
	struct scsi_copy_domain *domain = lu->domain;
	struct odx_token *token = calloc(1, sizeof(*token));
	int rc = -ENOMEM;

	assert(order->count <= ODX_RANGES_MAX);
	if (token == NULL)
		return rc;
	token->lu = lu;
	token->timeout_s = order->timeout_s;
	token->used_ns = now_ns;
	set_ranges(token, order->range, order->count);
	rc = fill(token, order->device);
	if (rc != 0)
		goto free;
	pthread_mutex_lock(&domain->lock);
	expire(domain, now_ns);
	if (!make_room(domain)) {
		pthread_mutex_unlock(&domain->lock);
		rc = -ENOSPC;
		goto free;
	}
	list_push_back(&domain->tokens, &token->link);
	domain->token_count++;
	atomic_fetch_add_explicit(&lu->tokens, 1, memory_order_relaxed);
	memcpy(out, token->bytes, ODX_TOKEN_LENGTH);
	pthread_mutex_unlock(&domain->lock);
	return 0;
free:
	free(token);
	return rc;
}

/* Takes the same time wherever they differ. */
static bool is_same(const uint8_t *a, const uint8_t *b)
{
	unsigned differs = 0;

	for (unsigned i = 0; i < ODX_TOKEN_LENGTH; i++)
		differs |= a[i] ^ b[i];
	return differs == 0;
}

static struct odx_token *find(struct scsi_copy_domain *domain, const uint8_t *bytes)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &domain->tokens) {
		struct odx_token *token = container_of(node, struct odx_token, link);

		if (memcmp(token->bytes + IDENTIFIER_AT, bytes + IDENTIFIER_AT,
			   IDENTIFIER_LENGTH) == 0)
			return token;
	}
	return NULL;
}

static uint16_t judge(const struct odx_token *token, const uint8_t *bytes)
{
	if (token == NULL)
		return TOKEN_UNKNOWN;
	if (!is_same(token->bytes, bytes))
		return TOKEN_CORRUPT;
	switch (state_of(token)) {
	case ODX_CANCELLED:
		return TOKEN_CANCELLED;
	case ODX_EXPIRED:
		return TOKEN_EXPIRED;
	case ODX_DELETED:
		return TOKEN_DELETED;
	case ODX_VALID:
		break;
	}
	return 0;
}

uint16_t odx_token_take(struct scsi_copy_domain *domain, const uint8_t bytes[ODX_TOKEN_LENGTH],
			uint64_t now_ns, struct odx_token **out)
{
	struct odx_token *token;
	uint16_t code;

	if (get_be32(bytes) != ODX_TYPE_CHANGE_VULNERABLE)
		return UNSUPPORTED_TOKEN_TYPE;
	if (get_be16(bytes + LENGTH_AT) != LENGTH_FIELD)
		return INVALID_TOKEN_LENGTH;
	pthread_mutex_lock(&domain->lock);
	expire(domain, now_ns);
	token = find(domain, bytes);
	code = judge(token, bytes);
	if (code == 0) {
		token->users++;
		*out = token;
	}
	pthread_mutex_unlock(&domain->lock);
	return code;
}

void odx_token_give(struct odx_token *token, uint64_t now_ns, bool deletes)
{
	struct scsi_copy_domain *domain = token->lu->domain;

	pthread_mutex_lock(&domain->lock);
	token->users--;
	token->used_ns = now_ns;
	if (deletes)
		invalidate(token, ODX_DELETED);
	pthread_mutex_unlock(&domain->lock);
}

static bool touches(const struct odx_token *token, uint64_t first, uint64_t end)
{
	if (first >= token->end || end <= token->first)
		return false;
	for (unsigned i = 0; i < token->count; i++) {
		const struct odx_range *range = &token->range[i];

		if (first < range->lba + range->blocks && range->lba < end)
			return true;
	}
	return false;
}

void odx_cancel(struct scsi_lu *lu, uint64_t lba, uint64_t blocks, uint64_t now_ns)
{
	struct list_node *node;

	pthread_mutex_lock(&lu->domain->lock);
	expire(lu->domain, now_ns);
	LIST_FOR_EACH(node, &lu->domain->tokens) {
		struct odx_token *token = container_of(node, struct odx_token, link);

		if (token->lu == lu && touches(token, lba, lba + blocks))
			invalidate(token, ODX_CANCELLED);
	}
	pthread_mutex_unlock(&lu->domain->lock);
}

void odx_token_report(struct scsi_lu *lu, uint64_t now_ns, struct cursor *out)
{
	struct list_node *node;

	pthread_mutex_lock(&lu->domain->lock);
	expire(lu->domain, now_ns);
	LIST_FOR_EACH(node, &lu->domain->tokens) {
		struct odx_token *token = container_of(node, struct odx_token, link);

		if (token->lu == lu && state_of(token) == ODX_VALID)
			cursor_put_bytes(out, token->bytes, ODX_MANAGEMENT_LENGTH);
	}
	pthread_mutex_unlock(&lu->domain->lock);
}

void odx_lu_gone(struct scsi_lu *lu)
{
	struct list_node *node, *next;

	pthread_mutex_lock(&lu->domain->lock);
	LIST_FOR_EACH_SAFE(node, next, &lu->domain->tokens) {
		struct odx_token *token = container_of(node, struct odx_token, link);

		if (token->lu != lu)
			continue;
		assert(token->users == 0);
		drop(lu->domain, token);
	}
	pthread_mutex_unlock(&lu->domain->lock);
}
