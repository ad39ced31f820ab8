/* What is used of MPI, whose handles have other types in every implementation. */

#include <mpi.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

/* The most bytes of one message: counts of MPI are signed and have 32 bits. */
#define PIECE ((size_t)1 << 30)

/* Starts MPI: number of this rank, number of ranks, number of ranks on this machine. 0 if it is able to
   serve calls from several threads, one at a time. */
int candlewick_mpi_start(int *rank, int *ranks, int *local) {
    int provided;
    MPI_Comm machine;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, ranks);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, *rank, MPI_INFO_NULL, &machine);
    MPI_Comm_size(machine, local);
    MPI_Comm_free(&machine);
    return provided < MPI_THREAD_SERIALIZED;
}

static size_t pieces(size_t bytes) {
    return (bytes + PIECE - 1) / PIECE;
}

/* Sends sent[r] bytes to each rank r and receives received[r] bytes from it. Waits without keeping a core
   busy: the ranks of a machine may need it. */
int candlewick_mpi_exchange(int ranks, const void *const *send, const size_t *sent,
                            void *const *receive, const size_t *received) {
    size_t count = 0;
    for (int r = 0; r < ranks; r++) count += pieces(sent[r]) + pieces(received[r]);
    MPI_Request *requests = malloc((count + 1) * sizeof *requests);
    if (requests == NULL) return 1;
    int made = 0, failed = 0, done = 0;
    for (int r = 0; r < ranks; r++) {
        for (size_t at = 0; at < received[r]; at += PIECE) {
            size_t size = received[r] - at < PIECE ? received[r] - at : PIECE;
            failed |= MPI_Irecv((char *)receive[r] + at, (int)size, MPI_BYTE, r, 0, MPI_COMM_WORLD,
                                &requests[made++]);
        }
    }
    for (int r = 0; r < ranks; r++) {
        for (size_t at = 0; at < sent[r]; at += PIECE) {
            size_t size = sent[r] - at < PIECE ? sent[r] - at : PIECE;
            failed |= MPI_Isend((const char *)send[r] + at, (int)size, MPI_BYTE, r, 0, MPI_COMM_WORLD,
                                &requests[made++]);
        }
    }
    for (long tries = 0; !failed && !done; tries++) {
        failed |= MPI_Testall(made, requests, &done, MPI_STATUSES_IGNORE);
        if (!done && tries > 100) {
            struct timespec pause = {0, 20000};
            nanosleep(&pause, NULL);
        }
    }
    free(requests);
    return failed;
}

void candlewick_mpi_finish(void) {
    MPI_Finalize();
}

void candlewick_mpi_abort(int code) {
    MPI_Abort(MPI_COMM_WORLD, code);
}
