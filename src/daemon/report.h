/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's state as JSON, in the words of docs/control-protocol.md. Every
 * function returns a new object of the caller's. Any thread but a reactor's.
 */
#ifndef PINION_DAEMON_REPORT_H
#define PINION_DAEMON_REPORT_H

#include "iscsi/iscsi.h"

struct json_object;
struct machine;

struct json_object *report_reactors(const struct machine *machine);
struct json_object *report_memory(const struct machine *machine);
struct json_object *report_fallbacks(const struct machine *machine);
struct json_object *report_iser(const struct machine *machine);
struct json_object *report_portals(const struct iscsi_node *node);
struct json_object *report_connections(const struct iscsi_node *node);
struct json_object *report_targets(const struct iscsi_node *node);
/* The last that happened to its connection. */
struct json_object *report_events(const struct iscsi_session_info *session);
struct json_object *report_session(const struct iscsi_session_info *session);

/* A string as JSON may hold it: what is no UTF-8 becomes '?'. */
struct json_object *report_string(const char *text);

#endif
