using Homeport.Hub.Limits;

namespace Homeport.Tests.Hub.Limits;

/// <summary>A bucket gives its burst at once and its rate in the long run, to the token.</summary>
public sealed class TokenBucketTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(100, 6000)]
    [InlineData(1.6666666666666667, 100)]
    [InlineData(83.33333333333333, 5000)]
    [InlineData(60000, 120000)]
    [InlineData(0.3333333333333333, 20)]
    [InlineData(7, 1)]
    public void The_burst_at_once_and_then_the_rate(double perSecond, int burst)
    {
        var bucket = new TokenBucket(new Rate(perSecond, burst), _time);
        Taken(bucket, burst * 2).ShouldBe(burst);
        // Over ten minutes in uneven steps: as many as the rate says, and no more.
        var total = 0;
        for (var i = 0; i < 600; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(i % 2 == 0 ? 0.4 : 1.6));
            total += Taken(bucket, int.MaxValue);
        }
        var expected = burst == 1 ? 600 : perSecond * 600;
        ((double)total).ShouldBeInRange(expected * 0.999 - 1, expected * 1.001 + 1);
    }

    [Theory]
    [InlineData(0.99, 0)]
    [InlineData(1.0, 50)]
    [InlineData(1.02, 100)]
    public void Below_the_rate_nobody_waits_and_above_it_the_rest_does(double load, int percentOfLast)
    {
        var bucket = new TokenBucket(new Rate(1000, 10), _time);
        var refused = 0;
        for (var i = 0; i < 10_000; i++)
        {
            refused += bucket.TryTake() > TimeSpan.Zero ? 1 : 0;
            _time.Advance(TimeSpan.FromTicks((long)(TimeSpan.TicksPerMillisecond / load)));
        }
        if (percentOfLast < 100)
            refused.ShouldBe(0);
        else
            refused.ShouldBeInRange(150, 200, "2 % above the rate of 10,000");
    }

    [Fact]
    public void The_wait_is_exact()
    {
        var bucket = new TokenBucket(new Rate(10, 2), _time);
        Taken(bucket, 5).ShouldBe(2);
        var wait = bucket.TryTake();
        wait.ShouldBe(TimeSpan.FromMilliseconds(100));
        _time.Advance(wait - TimeSpan.FromTicks(1));
        bucket.TryTake().ShouldBeGreaterThan(TimeSpan.Zero);
        _time.Advance(TimeSpan.FromTicks(1));
        bucket.TryTake().ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void A_bucket_holds_no_more_than_its_burst()
    {
        var bucket = new TokenBucket(new Rate(100, 5), _time);
        _time.Advance(TimeSpan.FromDays(400));
        Taken(bucket, 50).ShouldBe(5);
    }

    [Fact]
    public void Setting_the_clock_back_gives_and_takes_nothing()
    {
        var clock = new MonotonicClock();
        var bucket = new TokenBucket(new Rate(1, 3), clock);
        Taken(bucket, 9).ShouldBe(3);
        clock.Wall -= TimeSpan.FromDays(1);
        bucket.TryTake().ShouldBeGreaterThan(TimeSpan.Zero);
        clock.Ticks += 1_000_000_000;
        Taken(bucket, 9).ShouldBe(1);
    }

    [Fact]
    public void More_than_the_bucket_holds_goes_through_once_and_is_paid_for()
    {
        var bucket = new TokenBucket(new Rate(100, 10), _time);
        bucket.TryTake(1000).ShouldBe(TimeSpan.Zero);
        bucket.TryTake().ShouldBe(TimeSpan.FromSeconds(9.91));
        _time.Advance(TimeSpan.FromSeconds(9.91));
        bucket.TryTake().ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void Taking_ahead_says_how_long_to_wait_and_ends_at_the_patience()
    {
        var bucket = new TokenBucket(new Rate(10, 10), _time);
        for (var i = 0; i < 10; i++)
            bucket.TakeAhead(1, TimeSpan.FromSeconds(1)).ShouldBe(TimeSpan.Zero);
        for (var i = 1; i <= 10; i++)
            bucket.TakeAhead(1, TimeSpan.FromSeconds(1)).ShouldBe(TimeSpan.FromMilliseconds(100 * i));
        bucket.TakeAhead(1, TimeSpan.FromSeconds(1)).ShouldBeNull();
        bucket.TakeAhead(1, TimeSpan.FromSeconds(1)).ShouldBeNull("what was refused is not counted");
        _time.Advance(TimeSpan.FromMilliseconds(100));
        bucket.TakeAhead(1, TimeSpan.FromSeconds(1)).ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Many_threads_together_get_the_burst_and_no_more()
    {
        var bucket = new TokenBucket(new Rate(1, 10_000), _time);
        var counts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Enumerable.Range(0, 5_000).Count(_ => bucket.TryTake() == TimeSpan.Zero))));
        counts.Sum().ShouldBe(10_000);
    }

    [Fact]
    public void Taking_allocates_nothing()
    {
        var bucket = new TokenBucket(new Rate(1000, 10), TimeProvider.System);
        bucket.TryTake();
        bucket.TakeAhead(1, TimeSpan.FromSeconds(1));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            bucket.TryTake();
            bucket.TakeAhead(1, TimeSpan.FromSeconds(1));
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    private static int Taken(TokenBucket bucket, int tries)
    {
        for (var i = 0; i < tries; i++)
        {
            if (bucket.TryTake() > TimeSpan.Zero)
                return i;
        }
        return tries;
    }

    /// <summary>A clock whose wall time and ticks are apart, as on a real machine.</summary>
    private sealed class MonotonicClock : TimeProvider
    {
        public DateTimeOffset Wall { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public long Ticks { get; set; } = 5_000_000_000_000;

        public override long TimestampFrequency => 1_000_000_000;

        public override DateTimeOffset GetUtcNow() => Wall;

        public override long GetTimestamp() => Ticks;
    }
}
