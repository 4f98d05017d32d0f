/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the device server: logical units, targets and nexuses.
 *
 * A logical unit is shared by all reactors. What the data path reads of it is
 * constant; what it writes (statistics) has a cache line for each reactor. The
 * rare events that every nexus must hear of are counted in the logical unit,
 * and each nexus compares the counts with those that it has seen.
 */
#ifndef PINION_SCSI_LU_H
#define PINION_SCSI_LU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/list.h"
#include "base/log.h"
#include "scsi/access.h"
#include "scsi/alua.h"
#include "scsi/attention.h"
#include "scsi/identifying.h"
#include "scsi/mode.h"
#include "scsi/reservation.h"
#include "scsi/scsi.h"

#define SCSI_REACTORS_MAX       1024 /* slots for statistics; topology.h's limit of CPUs */
#define SCSI_NEXUSES_REMEMBERED 1024

#define SCSI_VENDOR_LENGTH      8
#define SCSI_PRODUCT_LENGTH     16
#define SCSI_REVISION_LENGTH    4
#define SCSI_SERIAL_MAX         36

/* Written by one reactor, read by whoever reports. */
struct lu_counters {
	struct counter reads;
	struct counter writes;
	struct counter read_bytes;
	struct counter written_bytes;
	struct counter errors;
	struct counter read_errors; /* of these */
	struct counter write_errors;
} __attribute__((aligned(64)));

/* The counters of all reactors, or what they were when the log was reset. */
struct lu_sums {
	uint64_t reads, writes, read_bytes, written_bytes, errors, read_errors, write_errors;
};

/* Log pages with counters, each of which can be reset for itself. */
enum { LOG_WRITE_ERRORS, LOG_READ_ERRORS, LOG_STATISTICS, LOG_COUNTERS };

#define RANGE_LOCKS_MAX 16 /* that commands hold at a time on one logical unit */

/* --- locks on ranges of blocks; range.h says how they work --- */

enum fence_state { FENCE_DOWN, FENCE_RAISING, FENCE_UP, FENCE_LIFTING };

/* Keeps one lane's commands out of a range. */
struct range_fence {
	struct message message; /* to the lane, and back when that is done */
	struct range_lane *lane;
	unsigned number; /* of its slot */
	enum fence_state state; /* as home knows it */
	uint64_t first, end; /* blocks */
};

/* One reactor's part: only its thread touches it, but for the fences' states and link. */
struct range_lane {
	uint32_t fences; /* that are up: bits by slot */
	uint32_t draining; /* of them, those with commands still inside */
	struct list inside; /* commands that touch their range */
	struct list waiting; /* that fences keep out */
	struct reactor *reactor;
	struct scsi_lu *lu;
	struct message join;
	struct list_node link; /* of home */
	struct range_fence fence[RANGE_LOCKS_MAX];
};

enum slot_state { SLOT_FREE, SLOT_RAISING, SLOT_LOCKED, SLOT_LIFTING };
enum range_lock_state { RANGE_LOCK_WAITING, RANGE_LOCK_RAISING, RANGE_LOCK_ANSWERED };

/* A lock that is held or about to be; of the home core. */
struct range_slot {
	enum slot_state state;
	unsigned number;
	unsigned raising; /* fences on their way up */
	unsigned standing; /* fences that are not down */
	uint64_t first, end;
	struct scsi_cmd *owner; /* until it is granted */
	struct range_home *home;
	struct message release;
};

/* All but REACTOR is touched by that reactor's thread only. */
struct range_home {
	_Atomic(struct reactor *) reactor;
	struct list lanes;
	struct list queue; /* commands that want a lock */
	struct range_slot slot[RANGE_LOCKS_MAX];
};

/* What came of a self-test; SPC-5 section 7.3.16. */
#define SELF_TESTS_KEPT 20
struct self_test {
	uint8_t code; /* SELF-TEST CODE of SEND DIAGNOSTIC */
	bool has_failed;
	uint8_t key; /* and with which sense */
	uint16_t sense;
	uint64_t lba;
};

struct scsi_lu {
	/* constant */
	struct store *store;
	_Atomic uint64_t blocks; /* only grows, and seldom */
	uint32_t block_size; /* bytes, a power of two */
	unsigned block_shift;
	uint32_t physical_block_size; /* bytes, a power of two */
	uint32_t maximum_blocks; /* of one transfer */
	uint32_t lowest_aligned; /* LBA */
	uint32_t atomic_blocks; /* of one WRITE ATOMIC, 0: there is none */
	bool read_only;
	bool removable;
	bool thin;
	uint8_t protection; /* type of protection information, 0: none */
	_Atomic uint32_t mode_bits; /* seldom written: mode.h */
	_Atomic bool is_ejected; /* seldom written */
	uint16_t rotation_rate;
	uint32_t command_timeout_s; /* 0: none */
	uint8_t vendor[SCSI_VENDOR_LENGTH]; /* blank-padded */
	uint8_t product[SCSI_PRODUCT_LENGTH];
	uint8_t revision[SCSI_REVISION_LENGTH];
	char serial[SCSI_SERIAL_MAX + 1];
	uint8_t naa[16];
	uint8_t naa_length;
	char *management_address; /* or NULL */
	struct lu_counters *counters; /* by reactor */
	void *counters_memory;
	struct range_lane *lanes[SCSI_REACTORS_MAX]; /* by reactor, which alone makes it */
	struct keeper *keeper; /* or NULL */
	/*
	 * Of state that changes rarely, by a command: reservations, mode pages, names. Never
	 * taken on the data path, never held over anything that blocks or that runs a command.
	 */
	pthread_mutex_t control;
	struct scsi_copy_domain *domain;
	struct scsi_copy_domain *own_domain; /* NULL: it is the configuration's */
	/* rarely written */
	_Atomic unsigned tokens; /* ROD tokens of its blocks that are valid */
	_Atomic uint32_t resets; /* that have been: copy operations end by them */
	_Atomic(struct task_lane *) task_lanes[SCSI_REACTORS_MAX]; /* by reactor, which alone makes it */
	struct attention_source attentions;
	struct access_source access;
	struct reservations reservations; /* under control */
	struct list orphans; /* struct orphan; under control */
	struct alua alua; /* under control, but for its kind, which is constant */
	struct range_home home;
	struct mode_state mode; /* under control */
	/* --- job.h --- */
	_Atomic uint8_t trouble; /* enum lu_trouble: why most commands are refused */
	_Atomic bool is_ending; /* what is in the background shall come to its end */
	_Atomic unsigned background; /* what goes on without a command */
	_Atomic int deferred_error; /* the last one's negative errno; flush.h */
	struct lu_job *job;
	struct lu_provision *provision; /* or NULL; provision.h */
	/* under control */
	struct identifying identifying;
	struct lu_sums log_base[LOG_COUNTERS];
	struct self_test self_test[SELF_TESTS_KEPT]; /* the last one first */
	unsigned self_tests;
	uint64_t timestamp_offset; /* milliseconds, to the machine's clock; modulo 2^64 */
	bool timestamp_is_set;
	uint8_t *buffer; /* of READ and WRITE BUFFER, NULL: never written */
	/* Nexuses that prevent the medium's removal, since the last reset; under control. */
	unsigned preventing;
	uint32_t prevent_epoch; /* of that reset, 1 or more */
	/* Written by whoever copies, so apart from what the data path reads. */
	_Atomic unsigned copying; /* I/Os of copy operations, whose ever, that touch it now */
};

/* One reactor's task sets of a logical unit; taskset.c. Only its thread touches it. */
struct task_lane {
	struct reactor *reactor;
	struct scsi_lu *lu;
	struct list sets; /* struct nexus_lu */
	struct list legs; /* of sweeps, oldest first */
	struct list gone; /* struct copy_op, which write to LU though their nexus is gone */
	struct timer deadline;
	struct log_limit limit;
};

struct target_port {
	uint16_t relative; /* its identifier */
	char *name; /* SCSI port name */
};

struct scsi_target {
	char *name;
	struct target_port *port; /* in ascending order of identifiers */
	unsigned port_count;
	unsigned lun_end; /* highest LUN + 1 */
	struct scsi_lu *lu[SCSI_LUNS_MAX];
	/* Hashes of the nexuses that have been here: their return is an I_T nexus loss. */
	_Atomic uint64_t known[SCSI_NEXUSES_REMEMBERED];
	_Atomic uint64_t nexuses; /* that there have been */
};

/* What still writes for an initiator port whose nexus is lost; orphan.h. */
struct orphan {
	struct list_node link; /* of lu->orphans */
	const char *initiator_port;
};

/* The order of a task set; order.h. */
struct task_order {
	uint32_t special; /* the number of all that follows; 0: plain SIMPLE commands only */
	uint32_t head, ordered, aca_commands; /* in the task set, by attribute */
	uint32_t dormant; /* commands */
	bool aca; /* in effect */
	bool behind_orphans; /* of the same initiator port: orphan.h */
	struct deferred wake;
};

/* What a nexus knows of a logical unit. */
struct nexus_lu {
	struct scsi_lu *lu; /* NULL: none at this LUN */
	bool read_only; /* to this initiator */
	struct attention_state attentions;
	struct access_view access;
	uint8_t *echo; /* buffer of READ and WRITE BUFFER, NULL: never written */
	uint32_t echo_length;
	uint32_t prevents; /* it prevents removal where this is the LU's prevent_epoch */
	struct list commands; /* its task set: commands in order of arrival */
	struct scsi_nexus *nexus;
	struct task_order order;
	struct task_lane *lane; /* NULL: in none */
	struct list_node link; /* of lane->sets */
	struct orphan orphan;
};

struct scsi_nexus {
	struct scsi_target *target;
	struct reactor *reactor;
	struct arena *arena; /* the reactor's */
	bool is_lost; /* only its commands are left */
	uint64_t number; /* by which it is known when it may have gone: no other of its target has it */
	unsigned slot; /* into lu->counters */
	char *initiator_port;
	char *target_port;
	uint16_t target_port_group;
	bool has_sam_functions;
	void (*tasks_terminated)(void *context, uint64_t lun);
	void (*event)(void *context, uint64_t lun, const uint8_t *sense, uint8_t length);
	struct event_teller *teller; /* NULL where there is no event */
	void *context;
	struct list stray; /* commands to no logical unit */
	struct list copies; /* copy operations, under way and their results */
	unsigned lun_count;
	struct nexus_lu lu[]; /* by the LUN that the initiator uses */
};

enum {
	LUN_WELL_KNOWN = -1, /* the REPORT LUNS well known logical unit */
	LUN_UNKNOWN = -2, /* no form of address that we use */
};

/* A LUN field's number, 0 to 16383, or one of the above. SAM-5 section 4.7. */
int lun_decode(uint64_t field);
/* The LUN field that addresses LUN NUMBER. */
uint64_t lun_encode(unsigned number);

/* Whether TARGET has a port with the relative identifier RELATIVE. */
bool target_has_port(const struct scsi_target *target, uint16_t relative);

/* What NEXUS has at a LUN number: NULL, or with an `lu` that may be NULL, when there is none. */
static inline struct nexus_lu *nexus_lu(struct scsi_nexus *nexus, int number)
{
	if (number < 0 || (unsigned)number >= nexus->lun_count)
		return NULL;
	return &nexus->lu[number];
}

/* Whether BITS, of mode.h, are set. */
static inline bool lu_has_mode(const struct scsi_lu *lu, uint32_t bits)
{
	return atomic_load_explicit(&lu->mode_bits, memory_order_relaxed) & bits;
}

/* Whether the initiator of CMD, which has a logical unit, may not write to it. */
bool cmd_is_read_only(const struct scsi_cmd *cmd);

/*
 * Takes the unit attention condition to be reported now at the logical unit
 * that STATE is of. What is said of the target's list of logical units is said
 * once, not by each of them.
 */
enum attention nexus_take_attention(struct scsi_nexus *nexus, struct nexus_lu *state);
/* The initiator has read that list. */
void nexus_luns_reported(struct scsi_nexus *nexus);

/* Whether changes of the medium of LU have to be looked at for ROD tokens (odx_token.h). */
static inline bool lu_has_tokens(const struct scsi_lu *lu)
{
	return atomic_load_explicit(&lu->tokens, memory_order_relaxed) != 0;
}

static inline struct lu_counters *lu_counters(const struct scsi_cmd *cmd)
{
	return &cmd->lu->counters[cmd->nexus->slot];
}

/*
 * Reads what was kept of LU as WHAT (a word) into DATA, while LU is being made. Its bytes;
 * -ENOENT where there is none or no keeper; another negative errno (the log tells).
 */
ssize_t lu_load(const struct scsi_lu *lu, const char *what, void *data, size_t size);
/* Has SAVE, of which all but the name is filled in, kept as WHAT of LU. False, with no effect, without a keeper. */
bool lu_save(const struct scsi_lu *lu, const char *what, struct keeper_save *save);

/* The statistics of all reactors. Any thread. */
void lu_sum(const struct scsi_lu *lu, struct lu_sums *sums);

/* Adds the statistics of all reactors to those in INFO. Any thread. */
void lu_sum_counters(const struct scsi_lu *lu, struct scsi_lu_info *info);

/* --- sbc_start_stop.c --- */

/* Whether the medium has been ejected and not loaded again. */
static inline bool lu_is_ejected(const struct scsi_lu *lu)
{
	return atomic_load_explicit(&lu->is_ejected, memory_order_relaxed);
}

/* A reset of LU. Any thread. */
void medium_reset(struct scsi_lu *lu);
/* The nexus of STATE is going. */
void medium_leave(struct nexus_lu *state);

/* --- identity.c --- */

/*
 * 60 bits of BYTES as an 8-byte NAA locally assigned identifier: the same
 * bytes give the same name on every machine and in every version.
 */
void identity_naa(const void *bytes, size_t len, uint8_t naa[8]);
uint64_t identity_hash(uint64_t seed, const void *bytes, size_t len);
void identity_hex(const uint8_t *bytes, size_t len, char *out);

#endif
