/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop: the stream mover over two pipes in memory, for tests and fuzzing.
 * The test is the peer. It feeds bytes in whatever pieces it likes, reads what
 * the target sends, and decides how much each receive and each send may take,
 * so that every split can be tried. Nothing happens but in reactor_turn; with
 * a manual clock in the reactor's configuration a run is deterministic.
 */
#ifndef PINION_TRANSPORT_LOOP_H
#define PINION_TRANSPORT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/transport.h"

struct loop;

struct loop_config {
	struct reactor *reactor;
	unsigned stall_seconds;	/* 0: default 30 */
	void *user;
	/* As in struct transport_listener_config; called from inside loop_connect. */
	int (*connected)(void *user, struct transport_conn *conn);
};

/* Connects. 0, -ENOMEM, or what connected returned; then there is no loop. */
int loop_connect(const struct loop_config *config, struct loop **out);
/* Frees the peer's end. The connection must be gone (loop_is_gone). */
void loop_destroy(struct loop *loop);

/* The connection on the target's side; not after loop_is_gone. */
struct transport_conn *loop_conn(struct loop *loop);

/* The peer sends LEN bytes. */
void loop_feed(struct loop *loop, const void *bytes, size_t len);
/* The peer closes its side behind what it has sent. */
void loop_close(struct loop *loop);
/* The path fails: both directions end with ERR (negative). */
void loop_reset(struct loop *loop, int err);

/* Bytes fed that the target has not received yet. */
size_t loop_unread(const struct loop *loop);
/* Bytes that the target has sent and the peer has not read. */
size_t loop_available(const struct loop *loop);
/* The peer reads: up to MAX bytes into BUF; returns how many. */
size_t loop_read(struct loop *loop, void *buf, size_t max);

/* At most so many bytes in one receive, and in one send. 0: any number. */
void loop_set_pieces(struct loop *loop, size_t recv_max, size_t send_max);
/* So many bytes of the peer's arrive yet, and then no more, until it is set anew. Default: all. */
void loop_set_passing(struct loop *loop, size_t bytes);
/* How many bytes may be sent and not read, like a socket's buffer. Default: any number. */
void loop_set_room(struct loop *loop, size_t bytes);

/* Whether a receive was posted with the hint that nothing is there yet. */
bool loop_is_waiting(const struct loop *loop);
/* Whether the target has said that nothing more comes, and whether its end is freed. */
bool loop_is_finished(const struct loop *loop);
bool loop_is_gone(const struct loop *loop);

#endif
